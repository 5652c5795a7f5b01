"""The JSON Schema (2020-12) of a prediction's body and of its outputs, for OpenAPI."""

from typing import Any

from mlserve.signature.fields import FLOATS, INTEGERS, Field, OutputField, Signature
from mlserve.signature.ranges import range_of

JsonObject = dict[str, Any]

_JSON_TYPES = {"bool": "boolean", "string": "string", "category": "string"}


def body_json_schema(signature: Signature, max_instances: int) -> JsonObject:
    """The schema of the POST body: instances as objects or as arrays in signature order, or columns."""
    inputs = signature.inputs
    required = [field.name for field in inputs if field.required]
    instance: JsonObject = {
        "type": "object",
        "properties": {field.name: field_json_schema(field) for field in inputs},
        "required": required,
        "additionalProperties": False,
    }
    positional: JsonObject = {
        "type": "array",
        "description": "The values of one instance in the order of the signature.",
        "prefixItems": [{**field_json_schema(field), "title": field.name} for field in inputs],
        "minItems": len(inputs),
        "maxItems": len(inputs),
    }
    columns: JsonObject = {
        "type": "object",
        "description": "An array of values for each field, all of the same length.",
        "properties": {field.name: _list_of(field_json_schema(field), max_instances) for field in inputs},
        "required": required,
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "instances": {
                "oneOf": [_list_of(instance, max_instances), _list_of(positional, max_instances)],
                "description": "The instances, all as objects or all as arrays.",
            },
            "columns": columns,
            "reference": {
                "type": ["string", "null"],
                "description": "A text of the caller's own, stored and searchable.",
            },
            "parameters": {"type": "object", "description": "Parameters of the model's family."},
        },
        "oneOf": [{"required": ["instances"]}, {"required": ["columns"]}],
        "additionalProperties": False,
    }


def output_json_schema(signature: Signature) -> JsonObject:
    """The schema of one instance's outputs in the answer."""
    return {
        "type": "object",
        "properties": {field.name: _output(field) for field in signature.outputs},
    }


def field_json_schema(field: Field) -> JsonObject:
    """The schema of one field's value."""
    schema = _scalar(field)
    for size in reversed(field.shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    if field.nullable:
        schema = _nullable(schema)
    if field.description is not None or field.unit is not None:
        unit = "" if field.unit is None else f"Unit: {field.unit}."
        schema["description"] = f"{field.description or ''} {unit}".strip()
    if field.unit is not None:
        schema["x-unit"] = field.unit
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


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
    schema = {"type": _JSON_TYPES[field.type]}
    if field.type == "category" and field.unknown == "refuse":
        return {**schema, "enum": list(field.categories)}
    if field.type != "bool":
        schema["pattern"] = "^[^\\u0000]*$"
    if field.categories:
        schema["x-categories"] = list(field.categories)
    return schema


def _output(field: OutputField) -> JsonObject:
    schema: JsonObject
    if field.type in INTEGERS | FLOATS:
        # What JSON cannot write (NaN, infinities) is null.
        schema = {"type": ["integer" if field.type in INTEGERS else "number", "null"], "format": _format(field.type)}
    else:
        schema = {"type": _JSON_TYPES[field.type]}
    if field.type == "category" and field.categories:
        schema["enum"] = list(field.categories)
    if field.shape and field.categories and field.type != "category":
        return _described(field, {"type": "object", "properties": dict.fromkeys(field.categories, schema)})
    for size in reversed(field.shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    return _described(field, schema)


def _described(field: OutputField, schema: JsonObject) -> JsonObject:
    if field.description is not None:
        schema["description"] = field.description
    if field.unit is not None:
        schema["x-unit"] = field.unit
    if field.threshold is not None:
        schema["x-threshold"] = field.threshold
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
