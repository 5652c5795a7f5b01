"""The REST resources of a model of means."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlserve.api.operations import Operation
from mlserve.api.resources import ModelResource
from mlserve.predictions.resources import PredictionsResource
from mlserve_template.family import NAME, TemplatePredictor

NUMBERS = {"type": "object", "additionalProperties": {"type": "number"}}
READ_OFFSETS = Operation(
    summary="What each category adds to the mean",
    answer={
        "type": "object",
        "required": ["mean", "offsets"],
        "properties": {
            "mean": {"type": "number"},
            "offsets": {"type": "object", "additionalProperties": NUMBERS},
        },
    },
    problems=("model_not_ready",),
)


class TemplatePredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions`."""

    family = NAME


class TemplateOffsets(ModelResource):
    """`/api/v1/models/{model}/offsets`: what each category adds to the mean."""

    family = NAME
    operations: ClassVar[Mapping[str, Operation]] = {"get": READ_OFFSETS}

    def get(self) -> dict[str, Any]:
        with self.using_predictor() as loaded:
            predictor: TemplatePredictor = loaded.predictor  # type: ignore[assignment] # The resource is the family's.
            means = predictor.means
        return {"mean": means.mean, "offsets": means.offsets}
