"""Refused calls as events: few of each caller and in all, on both databases."""

import threading
from datetime import UTC, datetime

import pytest

from mlserve import events
from mlserve.auth.refusals import MOST, Refusal, Refusals
from mlserve.db.engine import Database
from mlserve.observability.counters import Counters


def refusal(actor: str) -> Refusal:
    return Refusal(actor, "no", None, {"needs": "observe"}, None, datetime.now(UTC))


def test_refusals_are_written_once_and_forgotten(database: Database) -> None:
    refusals = Refusals(Counters())
    for _ in range(3):
        refusals.note(refusal("key:a"))
        refusals.note(refusal("key:b"))
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    with database.read() as connection:
        assert sorted(event.actor for event in events.page(connection)) == ["key:a", "key:b"]


def test_a_crowd_shares_one_event_when_its_minute_is_over(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("mlserve.auth.refusals.time.monotonic", lambda: now[0])
    counters = Counters()
    refusals = Refusals(counters)
    threads = [
        threading.Thread(target=lambda part=part: [refusals.note(refusal(f"address:{part}.{n}")) for n in range(100)])
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    assert not refusals.waiting
    now[0] += 60
    assert refusals.waiting
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    with database.read() as connection:
        told = events.page(connection, limit=1000)
    assert len(told) == MOST + 1
    assert told[0].after == {"refused": 400 - MOST}
    assert counters.read() == {"calls_refused": 400}
