"""The REST resources of ONNX models."""

from typing import ClassVar, Final

from mlserve.predictions.resources import PredictionsResource
from mlserve.tensors import Description, describing
from mlserve_onnx.family import NAME

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SIZE: Final = {
    "description": "A number, the name of a size that calls may choose, or null for one without a name.",
    "anyOf": [{"type": "integer"}, _TEXT, {"type": "null"}],
}
_VALUES: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "type", "shape"],
        "properties": {
            "name": _TEXT,
            "type": {**_TEXT, "description": "In ONNX Runtime's words, such as tensor(float)."},
            "shape": {"anyOf": [{"type": "array", "items": _SIZE}, {"type": "null"}]},
        },
    },
}
GRAPH: Final = describing(
    "The graph's inputs, outputs and operators, as the file has them",
    {
        "producer": {"type": ["string", "null"], "description": "What wrote the file."},
        "ir_version": {"type": "integer"},
        "opsets": {"type": "object", "additionalProperties": {"type": "integer"}},
        "inputs": _VALUES,
        "outputs": _VALUES,
        "nodes": _COUNT,
        "operators": {"type": "object", "additionalProperties": _COUNT, "description": "How many nodes of each kind."},
        "parameters": {**_COUNT, "description": "How many numbers the file holds."},
        "metadata": {"type": "object", "additionalProperties": _TEXT},
    },
)


class OnnxPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions` of an ONNX model."""

    family = NAME


class OnnxGraph(Description):
    """`/api/v1/models/{model}/graph`: what the file holds."""

    family = NAME
    operations: ClassVar = {"get": GRAPH}
