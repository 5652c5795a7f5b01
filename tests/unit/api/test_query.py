"""Query strings, read strictly."""

import colander
import pytest

from mlserve.api.query import MOST_PARAMETERS, read_query
from mlserve.errors import Problem, Unreadable

SCHEMA = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(colander.Int(), name="limit", missing=50, validator=colander.Range(1, 1000)),
    colander.SchemaNode(colander.String(), name="word", missing=None),
    colander.SchemaNode(colander.DateTime(), name="since", missing=None),
    colander.SchemaNode(colander.Int(), name="number", missing=0),
    colander.SchemaNode(colander.Int(), name="from", missing=0, validator=colander.Range(min=0)),
    colander.SchemaNode(colander.Int(), name="to", missing=0, validator=colander.Range(max=9)),
    colander.SchemaNode(
        colander.Boolean(true_choices=("1", "true"), false_choices=("0", "false")), name="explain", missing=False
    ),
)
DEFAULTS = {"limit": 50, "word": None, "since": None, "number": 0, "from": 0, "to": 0, "explain": False}


def problems(query: str) -> list[Problem]:
    with pytest.raises(Unreadable) as refused:
        read_query({"QUERY_STRING": query}, SCHEMA)
    return list(refused.value.problems)


def test_values_have_their_types_and_defaults() -> None:
    values = {"limit": 7, "word": "a bé c", "explain": True}
    assert read_query({"QUERY_STRING": "limit=7&word=a%20b%C3%A9+c&explain=1"}, SCHEMA) == DEFAULTS | values
    assert read_query({"QUERY_STRING": ""}, SCHEMA) == read_query({}, SCHEMA) == DEFAULTS


def test_each_bad_parameter_is_a_problem_of_its_own() -> None:
    found = {(problem.code, problem.field): problem for problem in problems("limit=x&color=red&word=a&word=b")}
    assert set(found) == {("invalid", "limit"), ("unknown_parameter", "color"), ("repeated", "word")}
    assert found["invalid", "limit"].got == '"x"'
    assert found["unknown_parameter", "color"].expected == "one of limit, word, since, number, from, to, explain"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=abc", "a whole number from 1 to 1,000"),
        ("limit=0", "a whole number from 1 to 1,000"),
        ("limit=1001", "a whole number from 1 to 1,000"),
        ("number=1.5", "a whole number"),
        ("from=-1", "a whole number from 0"),
        ("to=10", "a whole number up to 9"),
        ("explain=maybe", "1 or 0"),
        ("since=yesterday", "an RFC 3339 time such as 2026-11-22T18:30:00Z"),
    ],
)
def test_what_is_expected_is_what_would_be_right(query: str, expected: str) -> None:
    (problem,) = problems(query)
    assert problem.expected == expected


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
