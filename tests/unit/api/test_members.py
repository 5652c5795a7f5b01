"""The members of a body: what is wrong with each of them is told, where it stands, at once."""

from typing import Any

import pytest

from mlserve.api.members import HIDDEN, LONGEST_TEXT, boolean, members, text
from mlserve.auth.caller_requests import NEW_KEY
from mlserve.errors import Invalid
from mlserve.registry.requests import MOVE

CHECKS = {"reason": text, "force": boolean}


def wrong(body: dict[str, Any], checks: Any = CHECKS, *required: str, hidden: bool = False) -> list[tuple[Any, ...]]:
    with pytest.raises(Invalid) as refused:
        members(body, checks, required, hidden=hidden)
    return [(it.pointer, it.code, it.expected, it.got) for it in refused.value.problems]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * LONGEST_TEXT, "force": False}])
def test_a_body_that_is_right_is_given_back(body: dict[str, Any]) -> None:
    assert members(body, CHECKS) == body


def test_every_fault_is_told_at_once() -> None:
    assert wrong({"force": 1, "reason": None, "why": 2}, CHECKS, "reason", "version") == [
        ("/why", "unknown_field", "one of reason, force", "2"),
        ("/version", "required", "the version", "nothing"),
        ("/reason", "type", "a text", "null"),
        ("/force", "type", "true or false", "1"),
    ]


@pytest.mark.parametrize("checks", [MOVE, NEW_KEY])
def test_the_pointer_of_an_unknown_member_is_escaped(checks: Any) -> None:
    ((pointer, code, *_),) = wrong({"a/b": 1}, checks)
    assert (pointer, code) == ("/a~1b", "unknown_field")
    assert wrong({"~": 1}, checks)[0][0] == "/~0"


def test_what_stands_where_a_password_may_is_not_shown() -> None:
    assert wrong({"pasword": "correct horse"}, hidden=True)[0][3] == HIDDEN
    assert wrong({"pasword": "correct horse"})[0][3] == '"correct horse"'


@pytest.mark.parametrize(
    ("value", "code"), [(1, "type"), (None, "type"), ("a\0b", "nul"), ("x" * (LONGEST_TEXT + 1), "length")]
)
def test_a_text_that_cannot_be_kept(value: Any, code: str) -> None:
    assert [(it.pointer, it.code, it.field) for it in text("tags", value, "a/b")] == [("/tags/a~1b", code, "tags")]
    assert wrong({"reason": value})[0][:2] == ("/reason", code)
