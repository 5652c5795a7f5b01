"""The JSON Schemas of what the resources of actuals take and answer, for one version."""

from mlserve.api.schema_parts import ID, TIME, open_object
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.predictions.reports import actual_field
from mlserve.signature.examples import example_value
from mlserve.signature.json_schema import JsonObject, field_json_schema

# An id that is one, and that no prediction has.
_SOME_ID = "01a20568-70ce-7237-bd30-7e55a6e28e57"
_OF_REVISION: JsonObject = {
    "revision": {"type": "integer", "minimum": 1},
    "reported_at": TIME,
    "actuals": {"type": "object", "additionalProperties": {"type": "array", "items": {}}},
}
REVISION = open_object("revision", "One report of what really happened.", _OF_REVISION)


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


_STORED = open_object(
    "stored", "A report that was stored.", {"id": ID, "stored": {"type": "boolean", "enum": [True]}, **_OF_REVISION}
)
_REFUSED: JsonObject = {
    "type": "object",
    "required": ["id", "stored", "code"],
    "properties": {
        "id": {"type": "string"},
        "stored": {"type": "boolean", "enum": [False]},
        "code": {"type": "string", "description": "The code of a problem."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/problem_item"}},
        "more": {"type": "boolean"},
    },
}
BULK_ANSWER = open_object(
    "reported",
    "The answer to each report, in their order.",
    {
        "stored": {"type": "integer", "minimum": 0},
        "refused": {"type": "integer", "minimum": 0},
        "results": {"type": "array", "items": {"oneOf": [_STORED, _REFUSED]}},
    },
)
HISTORY = open_object(
    "reports", "Every report, the last one first.", {"id": ID, "revisions": {"type": "array", "items": REVISION}}
)
REPORTED = open_object("reported_actuals", "The report as it was stored.", {"id": ID, **_OF_REVISION})
