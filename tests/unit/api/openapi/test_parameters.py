"""Parameters of the document, from a Colander schema and from a route's pattern."""

from typing import Any

import colander
import pytest

from mlserve.api.openapi.parameters import (
    header_parameters,
    node_json_schema,
    path_parameters,
    path_template,
    pattern_of,
    query_parameters,
)
from mlserve.predictions.schemas import PredictionsQuery


def node(typ: Any, **settings: Any) -> colander.SchemaNode:
    return colander.SchemaNode(typ, name="it", **settings)


def test_the_query_of_the_list() -> None:
    found = {parameter["name"]: parameter for parameter in query_parameters(PredictionsQuery)}
    assert list(found) == [node.name for node in PredictionsQuery]
    assert not any(parameter["required"] for parameter in found.values())
    assert all(parameter["description"] for parameter in found.values())
    assert found["since"]["schema"] == {"type": "string", "format": "date-time"}
    assert found["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
    assert found["reference"]["schema"] == {"type": "string", "pattern": "^[^\\u0000]*$"}
    assert found["cursor"]["schema"]["pattern"].endswith("[0-9a-f]{12}$")


@pytest.mark.parametrize(
    ("given", "schema"),
    [
        (node(colander.Int()), {"type": "integer"}),
        (node(colander.Float(), validator=colander.Range(max=2)), {"type": "number", "maximum": 2}),
        (node(colander.Boolean()), {"type": "boolean"}),
        (node(colander.Date()), {"type": "string", "format": "date"}),
        (node(colander.String(), validator=colander.OneOf(["a", "b"])), {"type": "string", "enum": ["a", "b"]}),
        (node(colander.String(), validator=colander.Length(1)), {"type": "string", "minLength": 1}),
        (
            node(colander.String(), validator=colander.All(colander.Length(max=3), colander.Regex(r"\Aa\Z"))),
            {"type": "string", "maxLength": 3, "pattern": "^a$"},
        ),
        (node(colander.String(), validator=lambda node, value: None), {"type": "string"}),
    ],
)
def test_a_node_s_type_and_validators_have_their_words(given: colander.SchemaNode, schema: dict[str, Any]) -> None:
    assert node_json_schema(given) == schema


def test_a_parameter_without_a_default_is_required() -> None:
    (required, optional) = query_parameters(
        colander.SchemaNode(
            colander.Mapping(),
            colander.SchemaNode(colander.Int(), name="a"),
            colander.SchemaNode(colander.Int(), name="b", missing=colander.drop),
        )
    )
    assert (required["required"], optional["required"]) == (True, False)
    assert "default" not in optional["schema"]


@pytest.mark.parametrize(
    ("pattern", "path", "schemas"),
    [
        ("/a/{id}/b", "/a/{id}/b", {"id": {"type": "string"}}),
        ("/a/{n:[0-9]{1,3}}", "/a/{n}", {"n": {"type": "string", "pattern": "^[0-9]{1,3}$"}}),
        ("/a/*rest", "/a/{rest}", {"rest": {"type": "string"}}),
        ("/a", "/a", {}),
    ],
)
def test_a_route_s_pattern_becomes_a_path(pattern: str, path: str, schemas: dict[str, Any]) -> None:
    assert path_template(pattern) == (path, schemas)
    assert [one["name"] for one in path_parameters(schemas)] == list(schemas)


def test_the_ends_of_a_pattern_are_those_of_json_schema() -> None:
    assert pattern_of(r"\Aa\\Z\Z") == r"^a\\Z$"
    assert pattern_of("^a$") == "^a$"


def test_a_header_s_description_is_the_parameter_s() -> None:
    (parameter,) = header_parameters({"If-Match": {"type": "string", "description": "A tag."}})
    assert parameter["description"] == "A tag."
    assert parameter["schema"] == {"type": "string"}
