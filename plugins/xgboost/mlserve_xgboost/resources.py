"""The REST resources of XGBoost models."""

from typing import Any

from mlserve.api.resources import ModelResource
from mlserve.predictions.resources import PredictionsResource
from mlserve_xgboost.family import NAME, XGBoostPredictor


class XGBoostPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions` of an XGBoost model."""

    family = NAME


class XGBoostImportance(ModelResource):
    """`/api/v1/models/{model}/importance`: what the model's trees split on."""

    family = NAME

    def get(self) -> dict[str, Any]:
        """gain, weight and cover by field, of the version that answers."""
        loaded = self.context.model.loaded()
        predictor: XGBoostPredictor = loaded.predictor
        lineage = loaded.lineage
        with loaded.users:
            importance = predictor.importance()
        return {
            "model": lineage.model,
            "version": lineage.version,
            "digest": lineage.digest,
            "importance": importance,
        }
