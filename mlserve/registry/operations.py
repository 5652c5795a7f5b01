"""What the resources of models take and answer, for the OpenAPI document."""

from mlserve.api.operations import Operation
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.names import DIGEST, MODEL_NAME
from mlserve.signature.json_schema import JsonObject

_SUMMARY: JsonObject = {
    "name": {"type": "string", "pattern": f"^{MODEL_NAME.pattern}$"},
    "family": {"type": "string"},
    "state": {
        "enum": ["ready", "loading", "failed", "idle"],
        "description": "In the process that answers this; idle: no version is its champion.",
    },
    "version": {"type": ["integer", "null"], "minimum": 1, "description": "The version that answers."},
    "digest": {"type": ["string", "null"], "pattern": f"^{DIGEST.pattern}$", "description": "Of the version's bundle."},
}
_LISTED: JsonObject = {
    **_SUMMARY,
    "url": {"type": "string", "format": "uri-reference", "description": "The model's address."},
}
_LIST: JsonObject = {
    "type": "object",
    "required": ["models"],
    "properties": {
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(_LISTED),
                "properties": _LISTED,
                "x-component": "model_summary",
            },
        }
    },
    "x-component": "models",
}


def _model(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """A model with a loaded version; it can lose it, and says the `reason` then."""
    fields = {"type": "array", "items": {"type": "object", "required": ["name", "type"]}}
    loaded_only: JsonObject = {
        **{name: {"type": "string"} for name in ("engine", "plugin", "library")},
        "metrics": {"description": "What training has measured."},
        "provenance": {"type": "object"},
        "predictor": {"type": "object", "description": "What the predictor says of itself."},
        "explains": {"type": "boolean", "description": "Whether it can explain its predictions."},
        "signature": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "properties": {"inputs": fields, "outputs": fields},
        },
    }
    resources = {"type": "object", "additionalProperties": {"type": "string"}, "description": "Addresses by name."}
    return {
        "type": "object",
        "required": [*_SUMMARY, "resources"],
        "properties": {
            **_SUMMARY,
            "name": {"type": "string", "const": loaded.lineage.model},
            **loaded_only,
            "reason": {"type": "string", "description": "Why no version is loaded."},
            "resources": resources,
        },
        "if": {"properties": {"state": {"const": "ready"}}},
        "then": {"required": list(loaded_only)},
        "else": {"required": ["reason"]},
        "x-component": "model",
    }


MODELS = {"get": Operation(summary="List the models", answer=_LIST, lists=True)}
MODEL = {"get": Operation(summary="The model, with its signature", answer=_model)}
