"""Who declares the webhooks of an INI, and when one that nobody declares any more goes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mlserve import events
from mlserve.application import Application
from mlserve.db.engine import Database
from mlserve.events import Author, kinds, outbox
from mlserve.settings import read_settings
from mlserve.webhooks import standing
from mlserve.webhooks.declared import Rules, Webhook
from mlserve.webhooks.tending import EVERY, LISTENED, Tender, database_now

RULES = Rules(interval=0.01, timeout=1.0, give_up=3600.0, keep=86400.0)
OUTAGE = timedelta(hours=2)


class Clock:
    """That of the database, on which tests move the time."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self, connection: Connection) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tender(tmp_path: Path, database: Database, clock: Clock) -> Callable[..., Tender]:
    application = Application(read_settings({}, {}, tmp_path))
    application.database = database

    def tender_of(*names: str) -> Tender:
        hooks = [Webhook(name, "https://example.com/", tmp_path / "secret", (), ()) for name in names]
        return Tender(application, hooks, RULES, clock)

    return tender_of


def due(database: Database) -> dict[str, int]:
    """How much each webhook is still to be told, of all that there are."""
    with database.read() as connection:
        return {row["name"]: row["due"] for row in standing.listed(connection)}


def happen(database: Database) -> None:
    with database.write() as connection:
        events.record(connection, kinds.VERSION_RETIRED, Author("ann"), model="line")


def test_after_an_outage_nobody_s_webhook_goes(database: Database, tender: Callable[..., Tender], clock: Clock) -> None:
    ours, theirs = tender("chat", "audit"), tender("theirs")
    ours.tend()
    theirs.tend()
    happen(database)
    clock.now += OUTAGE
    ours.tend()
    clock.now += EVERY
    ours.tend()
    assert due(database) == {"audit": 1, "chat": 1, "theirs": 1}
    theirs.tend()
    for _ in range(12):
        clock.now += EVERY
        theirs.tend()
        ours.tend()
    assert due(database) == {"audit": 1, "chat": 1, "theirs": 1}


def test_a_start_removes_nothing_at_once(database: Database, tender: Callable[..., Tender], clock: Clock) -> None:
    tender("theirs").tend()
    clock.now += OUTAGE
    tender("ours").tend()
    assert set(due(database)) == {"ours", "theirs"}


def test_what_nobody_declares_goes_when_all_were_heard(
    database: Database, tender: Callable[..., Tender], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tender("theirs").tend()
    clock.now += OUTAGE
    ours = tender("ours")
    ours.tend()
    heard = clock.now + LISTENED
    while clock.now < heard:
        assert set(due(database)) == {"ours", "theirs"}
        clock.now += EVERY
        ours.tend()
    assert due(database) == {"ours": 1}  # of the removal
    assert [record.message for record in caplog.records] == ["webhook_removed"]


def test_a_clock_that_was_set_back_lets_nothing_go(
    database: Database, tender: Callable[..., Tender], clock: Clock
) -> None:
    ours = tender("ours")
    clock.now += 2 * OUTAGE
    for _ in range(3):
        clock.now += EVERY
        ours.tend()
    clock.now -= 2 * OUTAGE
    tender("theirs").tend()
    clock.now += OUTAGE
    ours.tend()
    assert set(due(database)) == {"ours", "theirs"}


def test_a_round_sweeps_the_outbox(database: Database, tender: Callable[..., Tender], clock: Clock) -> None:
    ours = tender("ours")
    ours.tend()
    happen(database)
    with database.write() as connection:
        claimed = outbox.claim(connection, "ours", clock.now + EVERY, lambda attempt: EVERY)
        assert claimed is not None
        outbox.end(connection, claimed, outbox.GIVEN_UP, clock.now)
        assert standing.listed(connection)[0]["given_up"] == 1
    clock.now += timedelta(seconds=RULES.keep) + EVERY
    ours.tend()
    with database.read() as connection:
        assert standing.listed(connection)[0]["given_up"] == 0


def test_the_time_is_the_database_s(database: Database) -> None:
    # Of the same machine here, in steps of a millisecond at most.
    with database.read() as connection:
        before = datetime.now(UTC) - timedelta(milliseconds=1)
        assert before <= database_now(connection) <= datetime.now(UTC)
