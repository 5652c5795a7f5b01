"""What a line says of each kind of event."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mlserve.events import KINDS, Event
from mlserve.events.headlines import headline


def event(kind: Any, **values: Any) -> Event:
    empty: dict[str, Any] = dict.fromkeys(("model", "version", "alias", "before", "after", "request_id"))
    given = {"id": "", "at": datetime(2026, 11, 22, tzinfo=UTC), "actor": "key:app", "reason": ""}
    return Event(**{**empty, **given, "kind": kind, **values})


CASES: list[tuple[Any, dict[str, Any], str]] = [
    ("version_registered", {"version": 2, "after": {"digest": "d"}}, "version 2 registered"),
    ("version_described", {"version": 2}, "version 2 described"),
    ("version_retired", {"version": 2}, "version 2 retired"),
    ("alias_moved", {"alias": "champion", "version": 1}, "champion moved to version 1"),
    (
        "alias_moved",
        {"alias": "champion", "version": 2, "before": {"version": 1}, "after": {"version": 2}},
        "champion moved from version 1 to version 2",
    ),
    (
        "alias_moved",
        {"alias": "champion", "version": 1, "before": {"version": 2}, "after": {"version": 1, "back": True}},
        "champion moved back from version 2 to version 1",
    ),
    ("alias_removed", {"alias": "shadow", "version": 2}, "shadow removed"),
    ("key_created", {"after": {"name": "batch"}}, "key created: batch"),
    ("key_revoked", {"before": {"name": "batch"}}, "key revoked: batch"),
    ("user_added", {"after": {"name": "ann"}}, "user added: ann"),
    (
        "user_changed",
        {"before": {"name": "ann", "roles": ["observe"]}, "after": {"name": "ann", "roles": ["admin"]}},
        "user changed: ann",
    ),
    ("user_removed", {"before": {"name": "ann"}}, "user removed: ann"),
    ("user_password_changed", {"after": {"name": "ann"}}, "user password changed: ann"),
    ("user_locked", {"after": {"name": "ann"}}, "user locked: ann"),
    ("call_refused", {"after": {"method": "GET", "route": "/metrics"}}, "call refused: GET /metrics"),
    ("call_refused", {"after": {"method": "GET", "route": None}}, "call refused: GET"),
    ("call_refused", {"after": {"refused": 12}}, "12 calls refused"),
    ("webhook_disabled", {"after": {"name": "ops", "error": "HTTP 500"}}, "webhook disabled: ops"),
    ("webhook_enabled", {"after": {"name": "ops"}}, "webhook enabled: ops"),
    ("webhook_removed", {"before": {"name": "ops", "due": 3}}, "webhook removed: ops"),
    ("of_later", {}, "of later"),
]


@pytest.mark.parametrize(("kind", "values", "said"), CASES)
def test_a_line_says_what_happened(kind: Any, values: dict[str, Any], said: str) -> None:
    assert headline(event(kind, **values)) == said


def test_every_kind_is_among_the_cases() -> None:
    assert {kind for kind, *_ in CASES} == {*KINDS, "of_later"}


def test_an_event_that_tells_nothing_has_its_kind_in_words() -> None:
    assert {headline(event(kind)) for kind in KINDS if not kind.startswith("alias")} == {
        kind.replace("_", " ") for kind in KINDS if not kind.startswith("alias")
    }
