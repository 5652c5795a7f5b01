"""The JSON Schemas (2020-12) of what callers send and are answered, from a signature: for the OpenAPI document.

A schema with `x-component` is one that the document lists once, by that name, and refers to.
"""

from collections.abc import Sequence
from typing import Any

from mlserve.names import DIGEST
from mlserve.signature.base64 import PATTERN
from mlserve.signature.fields import ANY_SIZE, BINARY, FLOATS, INTEGERS, NUMBERS, Field, OutputField, Signature
from mlserve.signature.ranges import range_of

JsonObject = dict[str, Any]

_JSON_TYPES = {"bool": "boolean"}  # and numbers; all others are strings
REFERENCE_LENGTH = 255  # in characters
NO_NUL = "^[^\\u0000]*$"
_DIGEST = f"^sha256:{DIGEST.pattern}$"


def body_json_schema(signature: Signature, max_instances: int) -> JsonObject:
    """The schema of the POST body: instances as objects or as arrays in signature order, or columns."""
    inputs = signature.inputs
    required = [field.name for field in inputs if field.required]
    instance: JsonObject = {
        "type": "object",
        "description": "One instance: a value for each field.",
        "properties": {field.name: field_json_schema(field) for field in inputs},
        "required": required,
        "additionalProperties": False,
        "x-component": "instance",
    }
    positional: JsonObject = {
        "type": "array",
        "description": "The values of one instance in the order of the signature.",
        "prefixItems": [{**field_json_schema(field), "title": field.name} for field in inputs],
        "minItems": len(inputs),
        "maxItems": len(inputs),
        "x-component": "positional",
    }
    columns: JsonObject = {
        "type": "object",
        "description": "An array of values for each field, all of the same length.",
        "properties": {field.name: _list_of(field_json_schema(field), max_instances) for field in inputs},
        "required": required,
        "additionalProperties": False,
        "minProperties": 1,
        "x-component": "columns",
    }
    return {
        "type": "object",
        "properties": {
            "instances": {
                "oneOf": [_list_of(instance, max_instances), _list_of(positional, max_instances)],
                "description": "The instances, all as objects or all as arrays.",
            },
            "columns": columns,
            "reference": {
                "type": ["string", "null"],
                "maxLength": REFERENCE_LENGTH,
                "pattern": NO_NUL,
                "description": "A text of the caller's own, stored and searchable.",
            },
            "parameters": {
                "type": ["object", "null"],
                "maxProperties": 0,
                "description": "Parameters of the model's family; none is known today.",
            },
            "explain": {
                "type": "boolean",
                "default": False,
                "description": "Answer and keep an explanation too. Refused where the model's family cannot explain.",
            },
        },
        "oneOf": [{"required": ["instances"]}, {"required": ["columns"]}],
        "additionalProperties": False,
        "x-component": "body",
    }


def output_json_schema(signature: Signature) -> JsonObject:
    """The schema of one instance's outputs in the answer."""
    return {
        "type": "object",
        "description": "What the model answers for one instance.",
        "properties": {field.name: _output(field) for field in signature.outputs},
        "required": [field.name for field in signature.outputs],
        "x-component": "outputs",
    }


def kept_json_schema(signature: Signature) -> JsonObject:
    """The schema of one instance's inputs as the log keeps them.

    Bounds are left out: a kept float is the shortest text of its type, which may lie just outside of them.
    """
    kept = [field for field in signature.inputs if field.keep != "omit"]
    return {
        "type": "object",
        "description": "One instance as it was understood and kept; a missing value is null.",
        "properties": {field.name: _kept(field) for field in kept},
        "required": [field.name for field in kept],
        "x-component": "kept_instance",
    }


def field_json_schema(field: Field) -> JsonObject:
    """The schema of one field's value."""
    schema = _nested(_scalar(field), field.nesting)
    if field.nullable:
        schema = _nullable(schema)
    _describe(schema, field)
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def _nested(schema: JsonObject, shape: Sequence[int]) -> JsonObject:
    for size in reversed(shape):
        schema = {"type": "array", "items": schema}
        if size != ANY_SIZE:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def _base64(field: Field | OutputField) -> JsonObject:
    media_type = "image/*" if field.type == "image" else "application/octet-stream"
    return {"type": "string", "contentEncoding": "base64", "contentMediaType": media_type, "pattern": PATTERN}


def _scalar(field: Field) -> JsonObject:
    limits = range_of(field)
    if limits is not None:
        kind = "integer" if field.type in INTEGERS else "number"
        schema: JsonObject = {"type": kind, "format": _format(field.type)}
        # A float64's own limits say no more than that the number is finite.
        if field.minimum is not None or field.type != "float64":
            schema["minimum"] = limits.low
        if field.maximum is not None or field.type != "float64":
            schema["maximum"] = limits.high
        return schema
    if field.type in BINARY:
        return _base64(field)
    schema = {"type": _JSON_TYPES.get(field.type, "string")}
    if field.type == "category" and field.unknown == "refuse":
        return {**schema, "enum": list(field.categories)}
    if field.type != "bool":
        schema["pattern"] = NO_NUL
    if field.categories:
        schema["x-categories"] = list(field.categories)
    return schema


def _kept(field: Field) -> JsonObject:
    if field.keep == "hash":
        schema: JsonObject = {"type": ["string", "null"], "pattern": _DIGEST}
    else:
        schema = _nested(_value(field), field.nesting)
        if field.nullable:
            schema = _nullable(schema)
    return _describe(schema, field)


def _output(field: OutputField) -> JsonObject:
    schema = _value(field)
    if field.type == "category" and field.categories:
        schema["enum"] = list(field.categories)
    if field.type in NUMBERS:
        schema = _nullable(schema)  # What JSON cannot write: NaN and infinities.
    if field.shape and field.categories and field.type != "category":
        properties = dict.fromkeys(field.categories, schema)
        schema = {"type": "object", "properties": properties, "required": list(field.categories)}
    else:
        schema = _nested(schema, field.shape)
    if field.threshold is not None:
        schema["x-threshold"] = field.threshold
    return _describe(schema, field)


def _value(field: Field | OutputField) -> JsonObject:
    """One value of the field's type, whatever it may be."""
    if field.type in INTEGERS | FLOATS:
        return {"type": "integer" if field.type in INTEGERS else "number", "format": _format(field.type)}
    return _base64(field) if field.type in BINARY else {"type": _JSON_TYPES.get(field.type, "string")}


def _describe(schema: JsonObject, field: Field | OutputField) -> JsonObject:
    if field.description is not None or field.unit is not None:
        unit = "" if field.unit is None else f"Unit: {field.unit}."
        schema["description"] = f"{field.description or ''} {unit}".strip()
    if field.unit is not None:
        schema["x-unit"] = field.unit
    return schema


def _nullable(schema: JsonObject) -> JsonObject:
    nullable = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _list_of(schema: JsonObject, max_items: int) -> JsonObject:
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": max_items}


def _format(type_: str) -> str:
    return {"float32": "float", "float64": "double"}.get(type_, type_)
