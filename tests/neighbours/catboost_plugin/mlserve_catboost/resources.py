"""The REST resources of a CatBoost model."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlserve.api.operations import Operation
from mlserve.api.resources import ModelResource
from mlserve.predictions.resources import PredictionsResource
from mlserve_catboost.family import NAME

READ_IMPORTANCE = Operation(
    summary="How much each feature changes the answers, in percent",
    answer={"type": "object", "additionalProperties": {"type": "number"}},
)


class CatboostPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions`."""

    family = NAME


class CatboostImportance(ModelResource):
    """`/api/v1/models/{model}/importance`: as CatBoost counts it."""

    family = NAME
    operations: ClassVar[Mapping[str, Operation]] = {"get": READ_IMPORTANCE}

    def get(self) -> dict[str, Any]:
        model = self.context.model.loaded().predictor.model
        return dict(zip(model.feature_names_, model.get_feature_importance().tolist(), strict=True))
