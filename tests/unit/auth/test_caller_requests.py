"""What the resources of keys and users read out of a body."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlserve.api.members import HIDDEN, members
from mlserve.auth.caller_requests import NEW_KEY, NEW_USER, USER, time_of
from mlserve.auth.passwords import SHORTEST
from mlserve.errors import Invalid

SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("body", "checks"),
    [
        ({"name": "app", "roles": ["predict", "observe"], "models": ["line"], "expires_at": SOON}, NEW_KEY),
        ({"name": "a@b.c", "roles": ["admin"], "models": None, "expires_at": None, "reason": "new"}, NEW_KEY),
        ({"name": "ada", "password": "x" * SHORTEST, "roles": ["observe"]}, NEW_USER),
        ({}, USER),
    ],
)
def test_bodies_that_are_right(body: dict[str, Any], checks: Any) -> None:
    assert members(body, checks, hidden=True) == body


@pytest.mark.parametrize(
    ("body", "checks", "told"),
    [
        ({"name": 1}, NEW_KEY, ("/name", "type")),
        ({"name": "-app"}, NEW_KEY, ("/name", "invalid")),
        ({"roles": "admin"}, NEW_KEY, ("/roles", "type")),
        ({"roles": []}, NEW_KEY, ("/roles", "empty")),
        ({"roles": ["admin", "root"]}, NEW_KEY, ("/roles/1", "category")),
        ({"models": [1]}, NEW_KEY, ("/models/0", "category")),
        ({"expires_at": 1}, NEW_KEY, ("/expires_at", "type")),
        ({"expires_at": "tomorrow"}, NEW_KEY, ("/expires_at", "invalid")),
        ({"expires_at": "2020-01-01T00:00:00Z"}, NEW_KEY, ("/expires_at", "range")),
        ({"password": "x" * SHORTEST}, NEW_KEY, ("/password", "unknown_field")),
        ({"password": "short"}, USER, ("/password", "length")),
        ({"password": 12345678901234}, USER, ("/password", "type")),
        ({"name": "ada"}, USER, ("/name", "unknown_field")),
        ({"reason": "\0"}, USER, ("/reason", "nul")),
    ],
)
def test_bodies_that_are_not(body: dict[str, Any], checks: Any, told: tuple[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        members(body, checks, hidden=True)
    (problem,) = refused.value.problems
    assert (problem.pointer, problem.code) == told
    assert ("password" not in problem.pointer) or problem.got == HIDDEN


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2030-01-01t01:00:00.5+01:00", datetime(2030, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        (None, None),
        ("2030-01-01", None),
        ("2030-01-01T00:00:00", None),
        ("2030-02-30T00:00:00Z", None),
        ("0001-01-01T00:00:00+23:59", None),
    ],
)
def test_a_time_has_an_offset(text: str | None, moment: datetime | None) -> None:
    assert time_of(text) == moment
