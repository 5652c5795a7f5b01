"""The REST resources of LightGBM models."""

from mlserve.predictions.resources import PredictionsResource
from mlserve.trees import Importance, TreeDrawing, TreeResource
from mlserve_lightgbm.family import NAME


class LightGBMPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions` of a LightGBM model."""

    family = NAME


class LightGBMImportance(Importance):
    """`/api/v1/models/{model}/importance`: gain and split by field."""

    family = NAME


class LightGBMTree(TreeResource):
    """`/api/v1/models/{model}/trees/{number}`: one tree, as JSON or as a drawing."""

    family = NAME


class LightGBMTreeDrawing(TreeDrawing):
    """`/api/v1/models/{model}/trees/{number}/drawing`: the drawing alone."""

    family = NAME
