"""The JSON Schemas of what the resources of predictions take and answer, for one version."""

from mlserve.api.schema_parts import ID, TEXT_OR_NULL, TIME, open_object
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.names import DIGEST
from mlserve.predictions.actual_schemas import REVISION
from mlserve.predictions.explanation_schemas import explanation_schema
from mlserve.predictions.schema_parts import answered, of_this_version
from mlserve.signature import body_json_schema, output_json_schema
from mlserve.signature.examples import example_instance
from mlserve.signature.json_schema import JsonObject, kept_json_schema

_WARNING: JsonObject = {
    "type": "object",
    "description": "A number that JSON cannot write, which is null in the outputs.",
    "required": ["output", "instance", "code", "value"],
    "properties": {
        "output": {"type": "string"},
        "instance": {"type": "integer", "minimum": 0},
        "code": {"enum": ["non_finite"]},
        "value": {"enum": ["nan", "inf", "-inf"]},
    },
    "x-component": "warning",
}
_LINEAGE: JsonObject = {
    "type": "object",
    "description": "What answered.",
    "required": ["digest", "family", "engine", "plugin", "library"],
    "properties": {
        "digest": {"type": "string", "pattern": f"^{DIGEST.pattern}$", "description": "Of the version's bundle."},
        **{name: {"type": "string"} for name in ("family", "engine", "plugin", "library")},
    },
    "x-component": "lineage",
}


def prediction_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The answer to a new prediction."""
    properties = {
        **answered(loaded),
        "outputs": {"type": "array", "items": output_json_schema(loaded.signature)},
        "warnings": {"type": "array", "items": _WARNING},
        "explanation": explanation_schema(loaded),
    }
    return open_object("answer", "The prediction that was made.", properties, optional=("warnings", "explanation"))


def kept_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """A kept prediction. Its inputs and outputs are known for the version that answers now, not for older ones."""
    return _kept(loaded, "prediction", "A kept prediction.", {})


def read_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """One kept prediction with the last report."""
    actuals = {"oneOf": [REVISION, {"type": "null"}], "description": "The last report, or null."}
    return _kept(loaded, "prediction_with_actuals", "A kept prediction, with the last report.", {"actuals": actuals})


def _kept(loaded: LoadedVersion, name: str, description: str, more: JsonObject) -> JsonObject:
    several = {"type": "array", "items": {"type": "object"}}
    properties = {
        **answered(loaded),
        "asked": {"type": "string", "description": "What the request asked for, such as `alias:champion`."},
        "created_at": TIME,
        "duration_us": {"type": "integer", "minimum": 0, "description": "Microseconds to decode and predict."},
        "caller": {"type": "string"},
        "reference": TEXT_OR_NULL,
        "request_id": TEXT_OR_NULL,
        "instances": {"type": "integer", "minimum": 1},
        "inputs": {**several, "description": "Each instance as it was kept."},
        "outputs": {**several, "description": "What was answered, in the order of the instances."},
        "warnings": {"type": "array", "items": _WARNING},
        "not_kept": {
            "type": "object",
            "description": "The fields that are kept as a hash or not at all.",
            "additionalProperties": {"enum": ["hash", "omit"]},
        },
        "lineage": _LINEAGE,
    }
    own = {
        "inputs": {"items": kept_json_schema(loaded.signature)},
        "outputs": {"items": output_json_schema(loaded.signature)},
    }
    return {**open_object(name, description, properties | more), **of_this_version(loaded, own)}


def page_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """A page of the list."""
    properties = {
        "predictions": {"type": "array", "items": kept_schema(loaded, limits)},
        "next": {"oneOf": [ID, {"type": "null"}], "description": "The cursor of the next page, or null."},
    }
    return open_object("page", "Kept predictions, newest first.", properties)


def prediction_body(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The body of a new prediction."""
    return body_json_schema(loaded.signature, limits.instances_of(loaded.signature))


def prediction_example(loaded: LoadedVersion) -> JsonObject:
    """A body that the model accepts."""
    return {"instances": [example_instance(loaded.signature)]}
