"""The REST resources of a model that is a class of one's own."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlserve.api.operations import Operation
from mlserve.api.resources import ModelResource
from mlserve.inference import LoadedVersion
from mlserve.predictions.resources import PredictionsResource
from mlserve_python.family import NAME, LoadedClass

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
READ_PREDICTOR = Operation(
    summary="The class that answers",
    description="What it is called, what it says of itself, and the distribution that has brought it.",
    answer={
        "type": "object",
        "required": ["class", "description", "libraries", "arguments", "concurrency", "explains"],
        "properties": {
            "class": {"type": "string"},
            "description": {"type": "string"},
            "libraries": _TEXTS,
            "arguments": {"type": "array", "items": {"type": "string"}},
            "concurrency": {"enum": ["parallel", "serial"]},
            "explains": {"type": "boolean"},
        },
    },
    problems=("model_not_ready",),
)


class PythonPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions`."""

    family = NAME


class PredictorResource(ModelResource):
    """`/api/v1/models/{model}/predictor`: the class that answers."""

    family = NAME
    operations: ClassVar[Mapping[str, Operation]] = {"get": READ_PREDICTOR}

    def get(self) -> dict[str, Any]:
        with self.using_predictor() as loaded:
            return described(loaded)


def described(loaded: LoadedVersion) -> dict[str, Any]:
    """What there is to say of a version's class, in JSON values."""
    predictor: LoadedClass = loaded.predictor  # type: ignore[assignment]  # The resource is the family's own.
    return {**predictor.info(), "description": predictor.description(), "explains": loaded.explains}
