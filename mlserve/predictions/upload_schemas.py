"""How OpenAPI tells a prediction's body as a form, of a version that takes files."""

from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.predictions.multipart import EXPLAIN, REFERENCE, is_file
from mlserve.signature import Field
from mlserve.signature.json_schema import REFERENCE_LENGTH, JsonObject, field_json_schema

_PICTURES = "image/jpeg, image/png, image/webp, image/gif, image/bmp"
_MEMBERS: JsonObject = {
    REFERENCE: {"type": "string", "maxLength": REFERENCE_LENGTH, "description": "A text of the caller's own."},
    EXPLAIN: {"enum": ["true", "false"], "description": "Answer and keep an explanation too."},
}


def prediction_form(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The media type object of the form; empty where no field is a file, since JSON says it all there."""
    inputs = loaded.signature.inputs
    files = [field for field in inputs if is_file(field)]
    if not files:
        return {}
    schema = {
        "type": "object",
        "description": "One part a field, as many parts of each as there are instances. An empty part is missing.",
        "properties": _MEMBERS | {field.name: _part(field) for field in inputs},
        "required": [field.name for field in inputs if field.required],
        "additionalProperties": False,
        "x-component": "form",
    }
    encoding = {
        field.name: {"contentType": _PICTURES if field.type == "image" else "application/octet-stream"}
        for field in files
    }
    return {"schema": schema, "encoding": encoding}


def _part(field: Field) -> JsonObject:
    schema = field_json_schema(field)
    about: JsonObject = {name: schema[name] for name in ("description", "x-unit") if name in schema}
    if is_file(field):
        return {"type": "string", "format": "binary", **about}
    if field.nesting:
        # An array would be read as a part for each of its items.
        return {"type": "string", "contentMediaType": "application/json", "contentSchema": schema, **about}
    return schema
