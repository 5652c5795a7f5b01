"""What the registry's resources read out of a request."""

from types import SimpleNamespace
from typing import Any

import pytest

from mlserve.api.members import members
from mlserve.errors import Invalid, PreconditionRequired, Unreadable, VersionUnknown
from mlserve.names import LARGEST_NUMBER
from mlserve.registry.aliases import Seen
from mlserve.registry.requests import DESCRIPTION, LONGEST_TAG, MOVE, RETIREMENT, number_in_path, seen_by


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({"HTTP_IF_MATCH": '"3"'}, 3),
        ({"HTTP_IF_MATCH": ' "12" '}, 12),
        ({"HTTP_IF_NONE_MATCH": "*"}, None),
        ({"HTTP_IF_NONE_MATCH": " * "}, None),
        *(({"HTTP_IF_MATCH": f'"{foreign}"'}, -1) for foreign in ("", "x", "0", "03", "-1", "٣", "9" * 20)),
    ],
)
def test_the_state_that_was_seen(headers: dict[str, str], seen: int | None) -> None:
    assert seen_by(headers) == Seen(seen)


def test_who_has_seen_nothing_must_say_so() -> None:
    with pytest.raises(PreconditionRequired, match="If-None-Match"):
        seen_by({})


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_IF_MATCH": "3"},
        {"HTTP_IF_MATCH": "*"},
        {"HTTP_IF_MATCH": 'W/"3"'},
        {"HTTP_IF_MATCH": '"1", "2"'},
        {"HTTP_IF_NONE_MATCH": '"3"'},
        {"HTTP_IF_MATCH": '"3"', "HTTP_IF_NONE_MATCH": "*"},
    ],
)
def test_more_than_one_state_or_none_is_unreadable(headers: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        seen_by(headers)


def of_path(text: str) -> Any:
    return SimpleNamespace(matchdict={"number": text})


@pytest.mark.parametrize("number", [1, 10, LARGEST_NUMBER])
def test_the_number_of_the_path(number: int) -> None:
    assert number_in_path(of_path(str(number)), "line") == number


@pytest.mark.parametrize("text", ["", "0", "01", "+1", " 1", "1 ", "1.0", "x", "١", str(LARGEST_NUMBER + 1), "9" * 40])
def test_what_is_no_number_names_no_version(text: str) -> None:
    with pytest.raises(VersionUnknown, match="Model line has no version"):
        number_in_path(of_path(text), "line")


@pytest.mark.parametrize(
    ("body", "checks"),
    [
        ({"version": 1, "force": True, "reason": "better"}, MOVE),
        ({"version": LARGEST_NUMBER, "back": False}, MOVE),
        ({"description": "", "tags": {"a/b": None, "x" * LONGEST_TAG: "y"}, "reason": ""}, DESCRIPTION),
        ({"reason": "worse"}, RETIREMENT),
    ],
)
def test_bodies_that_are_right(body: dict[str, Any], checks: Any) -> None:
    assert members(body, checks) == body


@pytest.mark.parametrize(
    ("body", "checks", "told"),
    [
        ({"version": "1"}, MOVE, ("/version", "type")),
        ({"version": True}, MOVE, ("/version", "type")),
        ({"version": 1.0}, MOVE, ("/version", "type")),
        ({"version": 0}, MOVE, ("/version", "range")),
        ({"version": LARGEST_NUMBER + 1}, MOVE, ("/version", "range")),
        ({"back": None}, MOVE, ("/back", "type")),
        ({"tags": {}}, MOVE, ("/tags", "unknown_field")),
        ({"tags": []}, DESCRIPTION, ("/tags", "type")),
        ({"tags": {"": "x"}}, DESCRIPTION, ("/tags", "length")),
        ({"tags": {"\0": "x"}}, DESCRIPTION, ("/tags", "length")),
        ({"tags": {"x" * (LONGEST_TAG + 1): "y"}}, DESCRIPTION, ("/tags", "length")),
        ({"tags": {"a/b": 1}}, DESCRIPTION, ("/tags/a~1b", "type")),
        ({"force": True}, RETIREMENT, ("/force", "unknown_field")),
    ],
)
def test_bodies_that_are_not(body: dict[str, Any], checks: Any, told: tuple[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        members(body, checks)
    assert [(it.pointer, it.code) for it in refused.value.problems] == [told]
