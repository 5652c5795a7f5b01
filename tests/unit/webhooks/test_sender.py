"""What a sender does where its surroundings are not as they should be."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update

from mlserve import events
from mlserve.application import Application
from mlserve.db import migrate
from mlserve.db.engine import Database, open_database
from mlserve.events import Author, kinds
from mlserve.events.tables import deliveries
from mlserve.ids import Ids
from mlserve.settings import read_settings
from mlserve.webhooks import standing
from mlserve.webhooks.backoff import WAITS
from mlserve.webhooks.declared import declared, rules_of
from mlserve.webhooks.sender import Sender
from mlserve.webhooks.signing import Signer
from mlserve.webhooks.wiring import _start
from tests.factories import until
from tests.unit.webhooks.receiver import Receiver, hook_settings, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


def application_of(folder: Path, receiver: Receiver, database: Database, *names: str) -> Application:
    raw = {"mlserve.delivery.interval": "10ms"}
    for name in names:
        raw |= hook_settings(folder, receiver, name)
    application = Application(read_settings(raw, {}, folder))
    application.database = database
    return application


@contextmanager
def sending(
    folder: Path, receiver: Receiver, database: Database, names: tuple[str, ...] = ("ops",)
) -> Iterator[Application]:
    """An application of nothing but its webhooks."""
    application = application_of(folder, receiver, database, *names)
    application.at_start(lambda: _start(application, declared(application.settings)))
    application.start()
    try:
        yield application
    finally:
        application.stop()


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["name"] for row in standing.listed(connection)]


def test_a_start_without_the_database_declares_it_when_that_is_there(tmp_path: Path, receiver: Receiver) -> None:
    database = open_database(url := f"sqlite:///{tmp_path}/late.db")
    with sending(tmp_path, receiver, database):
        migrate.upgrade(url)
        until(lambda: names(database) == ["ops"])
        with database.write() as connection:
            event = events.record(connection, kinds.VERSION_RETIRED, Author("ann"), model="line")
        until(lambda: [message.id for message in receiver.messages] == [event.id])
    database.close()


def test_a_start_in_an_outage_loses_nothing_that_is_due(tmp_path: Path, receiver: Receiver) -> None:
    migrate.upgrade(url := f"sqlite:///{tmp_path}/away.db")
    database = open_database(url)
    with database.write() as connection:
        for name in ("audit", "chat", "theirs"):
            standing.declare(connection, name, (), (), datetime.now(UTC) - timedelta(days=6))
        events.record(connection, kinds.VERSION_RETIRED, Author("ann"), model="line")
        connection.execute(text("ALTER TABLE webhooks RENAME TO away"))
    with sending(tmp_path, receiver, database, ("audit", "chat")):
        with database.write() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO webhooks"))
        until(lambda: len(receiver.messages) == 2)
        assert names(database) == ["audit", "chat", "theirs"]
    database.close()


class Killed(BaseException):
    """The process has ended in an attempt."""


class Broken(Signer):
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        raise self._error


def sender_of(folder: Path, receiver: Receiver, database: Database, signer: Signer) -> Sender:
    """A sender that has something to send, and is not started."""
    application = application_of(folder, receiver, database, "ops")
    (hook,) = declared(application.settings)
    with database.write() as connection:
        standing.declare(connection, hook.name, (), (), datetime.now(UTC))
        events.record(connection, kinds.VERSION_RETIRED, Author("ann"), model="line")
    return Sender(application, hook, signer, rules_of(application.settings))


def test_an_attempt_that_breaks_in_the_server_is_a_failed_one(
    tmp_path: Path, receiver: Receiver, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    sender = sender_of(tmp_path, receiver, database, Broken(UnicodeError("label too long")))
    assert sender.run_once()
    with database.read() as connection:
        (hook,) = standing.listed(connection)
        delivery = connection.execute(select(deliveries)).one()
    assert (hook["last_error"], hook["failing_since"] is None) == ("the server itself has failed", False)
    assert (delivery.state, delivery.attempts) == ("due", 1)
    assert [record.message for record in caplog.records] == ["webhook_broken", "webhook_failed"]


def test_attempts_that_never_end_are_counted_and_come_ever_later(
    tmp_path: Path, receiver: Receiver, database: Database
) -> None:
    sender = sender_of(tmp_path, receiver, database, Broken(Killed()))
    # 20 s are the claim, of the timeout and a little more; the schedule begins with 5 s.
    for attempts, wait in enumerate([20.0, *WAITS[1:]], start=1):
        began = datetime.now(UTC)
        with pytest.raises(Killed):
            sender.run_once()
        with database.write() as connection:
            found = connection.execute(select(deliveries)).one()
            connection.execute(update(deliveries).values(next_at=datetime.now(UTC)))
        assert found.attempts == attempts
        assert wait <= (found.next_at - began).total_seconds() <= 1.1 * wait + 10


def test_a_delivery_of_no_event_is_given_up_and_the_webhook_goes_on(
    tmp_path: Path, receiver: Receiver, database: Database
) -> None:
    now = datetime.now(UTC)
    row = {"event_id": Ids()(), "webhook": "ops", "state": "due", "attempts": 0, "next_at": now}
    with sending(tmp_path, receiver, database):
        with database.write() as connection:
            connection.execute(insert(deliveries).values(**row, last_error=""))
        until(lambda: state(database) == ("given_up", "the event is gone"))
        with database.read() as connection:
            assert [(it["failing_since"], it["given_up"]) for it in standing.listed(connection)] == [(None, 1)]
    assert receiver.messages == []


def state(database: Database) -> tuple[str, str]:
    d = deliveries.c
    with database.read() as connection:
        found = connection.execute(select(d.state, d.last_error)).one()
        return found.state, found.last_error
