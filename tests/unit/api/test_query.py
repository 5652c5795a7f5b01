"""Query strings, read strictly."""

import colander
import pytest

from mlserve.api.query import MOST_PARAMETERS, read_query
from mlserve.errors import Problem, Unreadable

SCHEMA = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(colander.Int(), name="limit", missing=50),
    colander.SchemaNode(colander.String(), name="word", missing=None),
    colander.SchemaNode(colander.DateTime(), name="since", missing=None),
)


def problems(query: str) -> list[Problem]:
    with pytest.raises(Unreadable) as refused:
        read_query({"QUERY_STRING": query}, SCHEMA)
    return list(refused.value.problems)


def test_values_have_their_types_and_defaults() -> None:
    assert read_query({"QUERY_STRING": "limit=7&word=a%20b%C3%A9+c"}, SCHEMA) == {
        "limit": 7,
        "word": "a bé c",
        "since": None,
    }
    nothing = {"limit": 50, "word": None, "since": None}
    assert read_query({"QUERY_STRING": ""}, SCHEMA) == read_query({}, SCHEMA) == nothing


def test_each_bad_parameter_is_a_problem_of_its_own() -> None:
    found = {(problem.code, problem.field): problem for problem in problems("limit=x&color=red&word=a&word=b")}
    assert set(found) == {("invalid", "limit"), ("unknown_parameter", "color"), ("repeated", "word")}
    assert found["invalid", "limit"].got == '"x"'
    assert found["unknown_parameter", "color"].expected == "one of limit, word, since"


def test_what_is_no_time_is_shown_one() -> None:
    (problem,) = problems("since=yesterday")
    assert (problem.expected, problem.got) == ("an RFC 3339 time such as 2026-11-22T18:30:00Z", '"yesterday"')


@pytest.mark.parametrize("query", ["word=%ff", "%ff=1", "word=%ED%A0%80", "a&" * (MOST_PARAMETERS + 1)])
def test_what_is_not_utf8_or_has_no_end_is_unreadable(query: str) -> None:
    assert problems(query) == []


def test_a_problem_shows_little_of_what_is_long() -> None:
    (unknown,) = problems("x" * 5000)
    assert len(unknown.got) <= 60
    assert len(unknown.field or "") <= 60
    (invalid,) = problems("limit=" + "1" * 5000)
    assert len(invalid.got) <= 60
