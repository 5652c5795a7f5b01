"""The REST resources of TensorFlow Lite models."""

from typing import ClassVar, Final

from mlserve.predictions.resources import PredictionsResource
from mlserve.tensors import Description, describing
from mlserve_tflite.family import NAME

_TEXT: Final = {"type": "string"}
_TENSORS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "type", "shape", "scale", "zero"],
        "properties": {
            "name": _TEXT,
            "type": {**_TEXT, "description": "What the tensor itself holds; quantised, it is not what is answered."},
            "shape": {"type": "array", "items": {"type": "integer"}, "description": "-1 is any size."},
            "scale": {"type": ["number", "null"], "description": "A number stands for (number - zero) * scale."},
            "zero": {"type": ["integer", "null"]},
        },
    },
}
TENSORS: Final = describing(
    "The tensors that the model takes and gives, with their quantisation, and its operators",
    {
        "name": {"type": ["string", "null"], "description": "As the file's metadata calls it."},
        "description": {"type": ["string", "null"]},
        "inputs": _TENSORS,
        "outputs": _TENSORS,
        "operators": {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 1},
            "description": "How many nodes of each kind.",
        },
    },
)


class TflitePredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions` of a TensorFlow Lite model."""

    family = NAME


class TfliteTensors(Description):
    """`/api/v1/models/{model}/tensors`: what the file says of its tensors."""

    family = NAME
    operations: ClassVar = {"get": TENSORS}
