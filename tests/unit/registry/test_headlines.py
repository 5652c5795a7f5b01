"""What a line says of each kind of event."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mlserve.registry.events import KINDS, Event
from mlserve.registry.headlines import headline


def event(kind: str, **values: Any) -> Event:
    empty: dict[str, Any] = dict.fromkeys(("model", "version", "alias", "before", "after", "request_id"))
    given = {"id": "", "at": datetime(2026, 11, 22, tzinfo=UTC), "actor": "key:app", "reason": ""}
    return Event(**{**empty, **given, "kind": kind, **values})


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
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
        ("user_removed", {"before": {"name": "ann"}}, "user removed: ann"),
        ("user_password_changed", {"after": {"name": "ann"}}, "user password changed: ann"),
        ("user_locked", {"after": {"name": "ann"}}, "user locked: ann"),
        ("call_refused", {"after": {"method": "GET", "route": "/metrics"}}, "call refused: GET /metrics"),
        ("call_refused", {"after": {"method": "GET", "route": None}}, "call refused: GET"),
        ("call_refused", {"after": {"refused": 12}}, "12 calls refused"),
        ("of_later", {}, "of later"),
    ],
)
def test_a_line_says_what_happened(kind: str, values: dict[str, Any], said: str) -> None:
    assert headline(event(kind, **values)) == said


def test_every_kind_has_a_line_whatever_is_missing() -> None:
    assert all(headline(event(kind)) for kind in KINDS)
