"""The REST resources of scikit-learn models, from .skops files and from pickles."""

from typing import Any, ClassVar

from mlserve.api.operations import Operation
from mlserve.api.resources import ModelResource
from mlserve.predictions.resources import PredictionsResource
from mlserve_sklearn.family import NAME, PICKLE
from mlserve_sklearn.predictor import SklearnPredictor

_STEP: dict[str, Any] = {
    "type": "object",
    "required": ["name", "class", "parameters", "steps"],
    "properties": {
        "name": {"type": ["string", "null"]},
        "class": {"type": "string"},
        "parameters": {"type": "object", "description": "What it was made with; long values are cut off."},
        "columns": {"type": "array", "description": "The fields that it is given, where it is given some only."},
        "steps": {"type": "array", "items": {"type": "object"}, "description": "The estimators inside, as this one."},
    },
}
STRUCTURE = Operation(
    summary="What the model is made of: its steps, each with class and parameters",
    answer={
        "type": "object",
        "required": ["model", "version", "digest", "structure"],
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "integer", "minimum": 1},
            "digest": {"type": "string"},
            "structure": _STEP,
        },
    },
    problems=("model_not_ready",),
)


class SklearnPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions` of a scikit-learn model."""

    family = NAME


class SklearnStructure(ModelResource):
    """`/api/v1/models/{model}/structure`: the estimators that the model is made of."""

    family = NAME
    operations: ClassVar = {"get": STRUCTURE}

    def get(self) -> dict[str, Any]:
        """The steps of the version that answers."""
        with self.using_predictor() as loaded:
            predictor: SklearnPredictor = loaded.predictor  # type: ignore[assignment] # The resource is the family's own.
            structure = predictor.structure()
            lineage = loaded.lineage
        return {
            "model": lineage.model,
            "version": lineage.version,
            "digest": lineage.digest,
            "structure": structure,
        }


class PickledPredictions(SklearnPredictions):
    """The same of a pickled model."""

    family = PICKLE


class PickledStructure(SklearnStructure):
    """The same of a pickled model."""

    family = PICKLE
