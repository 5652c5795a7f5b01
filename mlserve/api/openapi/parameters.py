"""OpenAPI parameters: of the query, from the Colander schema that reads it, and of the path."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import colander

from mlserve.signature.json_schema import JsonObject

_TYPES: tuple[tuple[type, JsonObject], ...] = (
    (colander.DateTime, {"type": "string", "format": "date-time"}),
    (colander.Date, {"type": "string", "format": "date"}),
    (colander.Integer, {"type": "integer"}),
    (colander.Number, {"type": "number"}),
    (colander.Boolean, {"type": "boolean"}),
)
_PLACEHOLDER = re.compile(r"{(\w+)(?::((?:[^{}]|{[^{}]*})*))?}|\*(\w+)$")


def query_parameters(schema: colander.SchemaNode) -> list[JsonObject]:
    """The parameters of a query string, in the order of the schema's nodes."""
    return [_query_parameter(node) for node in schema]


def _query_parameter(node: colander.SchemaNode) -> JsonObject:
    parameter: JsonObject = {"name": node.name, "in": "query", "required": node.missing is colander.required}
    if node.description:
        parameter["description"] = node.description
    schema = getattr(node, "json_schema", None) or node_json_schema(node)
    if node.missing not in (colander.required, colander.drop, None):
        schema = {**schema, "default": node.missing}
    return {**parameter, "schema": schema}


def node_json_schema(node: colander.SchemaNode) -> JsonObject:
    """The schema of one value, from its Colander type and from the validators that JSON Schema has words for."""
    kind = next((schema for type_, schema in _TYPES if isinstance(node.typ, type_)), {"type": "string"})
    schema = dict(kind)
    for validator in _validators(node.validator):
        schema |= _bounds(validator)
    return schema


def _validators(validator: Any) -> Iterator[Any]:
    if isinstance(validator, colander.All):
        for part in validator.validators:
            yield from _validators(part)
    elif validator is not None:
        yield validator


def _bounds(validator: Any) -> JsonObject:
    if isinstance(validator, colander.Range):
        found = {"minimum": validator.min, "maximum": validator.max}
    elif isinstance(validator, colander.Length):
        # Colander says -1 for a limit that is not there.
        found = {"minLength": validator.min, "maxLength": validator.max}
        found = {name: None if value == -1 else value for name, value in found.items()}
    elif isinstance(validator, colander.OneOf):
        found = {"enum": list(validator.choices)}
    elif isinstance(validator, colander.Regex):
        found = {"pattern": pattern_of(validator.match_object.pattern)}
    else:
        found = {}
    return {name: value for name, value in found.items() if value is not None}


def pattern_of(expression: str) -> str:
    """A Python regular expression in the words of JSON Schema, which knows no `\\A` and no `\\Z`."""
    return re.sub(r"\\Z\Z", "$", re.sub(r"\A\\A", "^", expression))


def path_template(pattern: str) -> tuple[str, dict[str, JsonObject]]:
    """A route's pattern as an OpenAPI path, and the schemas of its placeholders by name."""
    schemas: dict[str, JsonObject] = {}

    def plain(found: re.Match[str]) -> str:
        name, expression = found[1] or found[3], found[2]
        schemas[name] = {"type": "string"} if expression is None else {"type": "string", "pattern": f"^{expression}$"}
        return f"{{{name}}}"

    return _PLACEHOLDER.sub(plain, pattern), schemas


def path_parameters(schemas: Mapping[str, Mapping[str, Any]]) -> list[JsonObject]:
    """The parameters of a path's placeholders."""
    return [{"name": name, "in": "path", "required": True, "schema": dict(schema)} for name, schema in schemas.items()]


def header_parameters(schemas: Mapping[str, Mapping[str, Any]]) -> list[JsonObject]:
    """The parameters that are headers of the request; a schema's description is the parameter's."""
    parameters = []
    for name, schema in schemas.items():
        described = {key: value for key, value in schema.items() if key == "description"}
        rest = {key: value for key, value in schema.items() if key != "description"}
        parameters.append({"name": name, "in": "header", "required": False, **described, "schema": rest})
    return parameters
