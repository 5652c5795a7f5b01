"""What many operations share is listed once."""

import pytest

from mlserve.api.openapi.components import Components
from mlserve.api.problems import CODE_OF, STATUS_OF

SHARED = {"type": "object", "properties": {"x-component": {"type": "string"}}, "x-component": "shared"}


def test_a_marked_schema_is_listed_once_however_deep() -> None:
    components = Components()
    listed = components.listed({"oneOf": [SHARED, {"items": SHARED}]}, "line.")
    reference = {"$ref": "#/components/schemas/line.shared"}
    assert listed == {"oneOf": [reference, {"items": reference}]}
    assert components.schemas["line.shared"] == {
        "type": "object",
        "properties": {"x-component": {"type": "string"}},  # A field may be called so.
    }


@pytest.mark.parametrize("name", ["shared", "no name", ""])
def test_a_name_that_is_taken_or_none_leaves_the_schema_where_it_is(name: str) -> None:
    components = Components()
    components.listed(SHARED, "")
    other = {"type": "null"}
    assert components.listed({**other, "x-component": name}, "") == other
    assert components.schemas["shared"]["type"] == "object"


def test_problems_are_grouped_by_their_status() -> None:
    components = Components()
    responses = components.problem_responses(["model_unknown", "prediction_unknown", "invalid", "internal"])
    assert list(responses) == ["404", "422", "500"]
    assert responses["404"] == {"$ref": "#/components/responses/model_unknown.prediction_unknown"}
    again = components.problem_responses(["prediction_unknown", "model_unknown"])
    assert again == {"404": responses["404"]}
    assert "Retry-After" not in components.responses["invalid"]["headers"]
    components.problem_responses(["database_unavailable"])
    assert "Retry-After" in components.responses["database_unavailable"]["headers"]


def test_every_code_has_a_response() -> None:
    for code in {*STATUS_OF, *CODE_OF.values()}:
        assert len(Components().problem_responses([code])) == 1
