"""The JSON Schema of a reproduction. It is the same for every version: an older one may have other outputs."""

from typing import Final, get_args

from mlserve.api.schema_parts import ID, TEXT_OR_NULL, open_object
from mlserve.names import DIGEST
from mlserve.predictions.reproduced_explanation import Part
from mlserve.signature.json_schema import JsonObject

_MAKING_NAMES: Final = ("engine", "plugin", "library")
_MAKING: JsonObject = {
    "type": "object",
    "required": list(_MAKING_NAMES),
    "properties": {name: {"type": "string"} for name in _MAKING_NAMES},
}
_DIFFERENCE: JsonObject = {
    "type": "object",
    "required": ["output", "instance", "stored", "now"],
    "properties": {
        "output": {"type": "string"},
        "instance": {"type": "integer", "minimum": 0},
        "stored": {"description": "What was answered; `nan`, `inf` or `-inf` for what JSON cannot write."},
        "now": {"description": "What is answered now."},
    },
}
_VERDICTS: Final = ["bit_equal", "differs", "unknown"]
_OF_EXPLANATION: JsonObject = {
    "type": "object",
    "required": ["part", "instance", "block", "field", "stored", "now"],
    "properties": {
        "part": {"enum": list(get_args(Part))},
        "instance": {"type": ["integer", "null"], "minimum": 0},
        "block": {**TEXT_OR_NULL, "description": "The class or output, where there are several."},
        "field": {**TEXT_OR_NULL, "description": "The input of a contribution."},
        "stored": {"description": "What was answered."},
        "now": {"description": "What is answered now."},
    },
}
_EXPLANATION: JsonObject = {
    "type": ["object", "null"],
    "description": "Of the stored explanation; null where none was stored.",
    "required": ["verdict", "differences", "more", "reason"],
    "properties": {
        "verdict": {"enum": _VERDICTS},
        "differences": {"type": "array", "items": _OF_EXPLANATION},
        "more": {"type": "boolean", "description": "There are more differences than are listed."},
        "reason": {**TEXT_OR_NULL, "description": "Why it is unknown."},
    },
}
REPRODUCTION: JsonObject = open_object(
    "reproduction",
    "A kept prediction, asked again of the bundle that answered it.",
    {
        "id": ID,
        "model": {"type": "string"},
        "version": {"type": "integer", "minimum": 1},
        "digest": {"type": "string", "pattern": f"^{DIGEST.pattern}$", "description": "Of the version's bundle."},
        "verdict": {
            "enum": _VERDICTS,
            "description": "`unknown` where fields of the inputs were not kept.",
        },
        "differences": {"type": "array", "items": _DIFFERENCE},
        "more": {"type": "boolean", "description": "There are more differences than are listed."},
        "not_kept": {
            "type": "object",
            "description": "The fields that are kept as a hash or not at all.",
            "additionalProperties": {"enum": ["hash", "omit"]},
        },
        "then": {**_MAKING, "description": "What the answer was computed with."},
        "now": {"oneOf": [_MAKING, {"type": "null"}], "description": "What it is computed with now; null if unknown."},
        "changed": {"type": "array", "items": {"enum": list(_MAKING_NAMES)}},
        "explanation": _EXPLANATION,
    },
)
