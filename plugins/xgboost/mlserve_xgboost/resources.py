"""The REST resources of XGBoost models."""

from mlserve.predictions.resources import PredictionsResource
from mlserve.trees import Importance, TreeDrawing, TreeResource
from mlserve_xgboost.family import NAME


class XGBoostPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions` of an XGBoost model."""

    family = NAME


class XGBoostImportance(Importance):
    """`/api/v1/models/{model}/importance`: gain, weight and cover by field."""

    family = NAME


class XGBoostTree(TreeResource):
    """`/api/v1/models/{model}/trees/{number}`: one tree, as JSON or as a drawing."""

    family = NAME


class XGBoostTreeDrawing(TreeDrawing):
    """`/api/v1/models/{model}/trees/{number}/drawing`: the drawing alone."""

    family = NAME
