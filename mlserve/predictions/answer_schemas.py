"""The JSON Schemas of what the resources of predictions, actuals and explanations take and answer, for one version.

Answers may gain fields, so their schemas are open; bodies are closed where the server refuses what it does not know.
"""

from typing import Any

from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.predictions.ids import CANONICAL
from mlserve.predictions.reports import actual_field
from mlserve.signature import body_json_schema, output_json_schema
from mlserve.signature.examples import example_instance, example_value
from mlserve.signature.json_schema import field_json_schema, kept_json_schema

JsonObject = dict[str, Any]

# An id that is one, and that no prediction has.
_SOME_ID = "01a20568-70ce-7237-bd30-7e55a6e28e57"
_ID: JsonObject = {"type": "string", "format": "uuid", "pattern": f"^{CANONICAL.pattern}$"}
_TIME: JsonObject = {"type": "string", "format": "date-time", "description": "UTC, ending in Z."}
_NUMBER: JsonObject = {"type": ["number", "null"]}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}

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
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Of the version's bundle."},
        **{name: {"type": "string"} for name in ("family", "engine", "plugin", "library")},
    },
    "x-component": "lineage",
}


def _objects(name: str, description: str, properties: JsonObject, *, optional: tuple[str, ...] = ()) -> JsonObject:
    """The schema of an object that may gain fields; all its properties are always there, but the optional ones."""
    required = [key for key in properties if key not in optional]
    found = {"type": "object", "description": description, "required": required, "properties": properties}
    return {**found, "x-component": name}


_OF_REVISION: JsonObject = {
    "revision": {"type": "integer", "minimum": 1},
    "reported_at": _TIME,
    "actuals": {"type": "object", "additionalProperties": {"type": "array", "items": {}}},
}
_REVISION = _objects("revision", "One report of what really happened.", _OF_REVISION)


def _of_this_version(loaded: LoadedVersion, properties: JsonObject) -> JsonObject:
    """What is known only where the version that answers now has answered; an older one may have other fields."""
    now = {"properties": {"version": {"const": loaded.lineage.version}}}
    return {"if": now, "then": {"properties": properties}}


def _answered(loaded: LoadedVersion) -> JsonObject:
    return {
        "id": _ID,
        "model": {"type": "string", "const": loaded.lineage.model},
        "version": {"type": "integer", "minimum": 1, "description": "The version that answered."},
        "alias": {**_TEXT_OR_NULL, "description": "The alias that was asked for."},
    }


def prediction_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The answer to a new prediction."""
    properties = {
        **_answered(loaded),
        "outputs": {"type": "array", "items": output_json_schema(loaded.signature)},
        "warnings": {"type": "array", "items": _WARNING},
        "explanation": explanation_schema(loaded),
    }
    return _objects("answer", "The prediction that was made.", properties, optional=("warnings", "explanation"))


def kept_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """A kept prediction. Its inputs and outputs are known for the version that answers now, not for older ones."""
    return _kept(loaded, "prediction", "A kept prediction.", {})


def read_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """One kept prediction with the last report."""
    actuals = {"oneOf": [_REVISION, {"type": "null"}], "description": "The last report, or null."}
    return _kept(loaded, "read", "A kept prediction, with the last report.", {"actuals": actuals})


def _kept(loaded: LoadedVersion, name: str, description: str, more: JsonObject) -> JsonObject:
    several = {"type": "array", "items": {"type": "object"}}
    properties = {
        **_answered(loaded),
        "asked": {"type": "string", "description": "What the request asked for, such as `alias:champion`."},
        "created_at": _TIME,
        "duration_us": {"type": "integer", "minimum": 0, "description": "Microseconds to decode and predict."},
        "caller": {"type": "string"},
        "reference": _TEXT_OR_NULL,
        "request_id": _TEXT_OR_NULL,
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
    return {**_objects(name, description, properties | more), **_of_this_version(loaded, own)}


def page_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """A page of the list."""
    properties = {
        "predictions": {"type": "array", "items": kept_schema(loaded, limits)},
        "next": {"oneOf": [_ID, {"type": "null"}], "description": "The cursor of the next page, or null."},
    }
    return _objects("page", "Kept predictions, newest first.", properties)


def explanation_schema(loaded: LoadedVersion) -> JsonObject:
    """What an Explanation is in JSON."""
    contributions = {
        "type": "object",
        "description": "How far each field moved the margin; null where it is not known or was not kept.",
        "required": list(loaded.signature.names),
        "properties": dict.fromkeys(loaded.signature.names, _NUMBER),
    }
    block = {
        "type": "object",
        "description": "One class or output; `bias` and all contributions add up to `margin`.",
        "required": ["name", "margin", "bias", "contributions"],
        "properties": {"name": _TEXT_OR_NULL, "margin": _NUMBER, "bias": _NUMBER, "contributions": contributions},
    }
    instance = {
        "type": "object",
        "required": ["blocks"],
        "properties": {"blocks": {"type": "array", "items": block}},
    }
    properties = {
        "method": {"type": "string", "description": "How it was computed."},
        "scale": {"type": "string", "description": "On which scale the margin lives."},
        "instances": {"type": "array", "items": instance},
    }
    return _objects("explanation", "What each field contributed to each answer.", properties)


def explained_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The answer to a request for an explanation."""
    answered = {name: schema for name, schema in _answered(loaded).items() if name != "id"}
    return _objects(
        "explained", "An explanation; nothing is kept.", answered | {"explanation": explanation_schema(loaded)}
    )


def past_explanation_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The explanation of a kept prediction."""
    properties = {
        "id": _ID,
        "model": {"type": "string", "const": loaded.lineage.model},
        "version": {"type": "integer", "minimum": 1},
        "stored": {"type": "boolean", "description": "Kept with the prediction; otherwise computed now."},
        "explanation": {"type": "object", "required": ["method", "scale", "instances"]},
    }
    schema = _objects("kept_explanation", "The explanation of a kept prediction.", properties)
    return {**schema, **_of_this_version(loaded, {"explanation": explanation_schema(loaded)})}


def prediction_body(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The body of a new prediction."""
    return body_json_schema(loaded.signature, limits.instances_of(loaded.signature))


def explanation_body(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The same body, with as many instances as are explained at once."""
    body = body_json_schema(loaded.signature, limits.explained_of(loaded.signature))
    return {**body, "x-component": "explained_body"}


def prediction_example(loaded: LoadedVersion) -> JsonObject:
    """A body that the model accepts."""
    return {"instances": [example_instance(loaded.signature)]}


def explanation_example(loaded: LoadedVersion) -> JsonObject | None:
    """The same; None where the model cannot explain, and refuses every body."""
    return prediction_example(loaded) if loaded.explains else None


def _actuals_of(loaded: LoadedVersion) -> JsonObject:
    """The outputs that can be reported; those of an older version may be other ones."""
    columns = {
        field.name: {"type": "array", "minItems": 1, "items": field_json_schema(field)}
        for field in map(actual_field, loaded.signature.outputs)
    }
    return {
        "type": "object",
        "description": "For each output a value, or null (not known), for each instance of the prediction.",
        "properties": columns,
        "additionalProperties": {"type": "array", "items": {}},
        "minProperties": 1,
        "x-component": "actuals",
    }


def report_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The body of a report."""
    properties = {"actuals": _actuals_of(loaded)}
    return {"type": "object", "required": ["actuals"], "properties": properties, "additionalProperties": False}


def bulk_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The body of many reports."""
    properties = {"id": {"type": "string"}, "actuals": _actuals_of(loaded)}
    item = {"type": "object", "required": ["id", "actuals"], "properties": properties}
    items = {"type": "array", "minItems": 1, "maxItems": limits.instances, "items": item}
    return {"type": "object", "required": ["actuals"], "properties": {"actuals": items}, "additionalProperties": False}


def report_example(loaded: LoadedVersion) -> JsonObject:
    """A report of the last output, for a prediction of one instance."""
    outputs = loaded.signature.outputs
    return {"actuals": {output.name: [example_value(actual_field(output))] for output in outputs[-1:]}}


def bulk_example(loaded: LoadedVersion) -> JsonObject:
    """A body of one report."""
    return {"actuals": [{"id": _SOME_ID, **report_example(loaded)}]}


_STORED = _objects(
    "stored", "A report that was stored.", {"id": _ID, "stored": {"type": "boolean", "enum": [True]}, **_OF_REVISION}
)
_REFUSED: JsonObject = {
    "type": "object",
    "required": ["id", "stored", "code"],
    "properties": {
        "id": {"type": "string"},
        "stored": {"type": "boolean", "enum": [False]},
        "code": {"type": "string", "description": "The code of a problem."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemItem"}},
        "more": {"type": "boolean"},
    },
}
BULK_ANSWER = _objects(
    "reported",
    "The answer to each report, in their order.",
    {
        "stored": {"type": "integer", "minimum": 0},
        "refused": {"type": "integer", "minimum": 0},
        "results": {"type": "array", "items": {"oneOf": [_STORED, _REFUSED]}},
    },
)
HISTORY = _objects(
    "reports", "Every report, the last one first.", {"id": _ID, "revisions": {"type": "array", "items": _REVISION}}
)
REPORTED = _objects("reported_one", "The report as it was stored.", {"id": _ID, **_OF_REVISION})
