"""What a sender does where its surroundings are not as they should be."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from mlserve import events
from mlserve.application import Application
from mlserve.db import migrate
from mlserve.db.engine import Database, open_database
from mlserve.events import Author, kinds
from mlserve.events.tables import deliveries
from mlserve.ids import Ids
from mlserve.settings import read_settings
from mlserve.webhooks import standing
from mlserve.webhooks.declared import declared
from mlserve.webhooks.wiring import _start
from tests.factories import until
from tests.unit.webhooks.receiver import Receiver, hook_settings, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@contextmanager
def sending(folder: Path, receiver: Receiver, database: Database) -> Iterator[Application]:
    """An application of nothing but its webhook's sender."""
    raw = {"mlserve.delivery.interval": "10ms", **hook_settings(folder, receiver)}
    application = Application(read_settings(raw, {}, folder))
    application.database = database
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
