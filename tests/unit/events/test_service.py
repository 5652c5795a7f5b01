"""Which events a page has: by model, kind and time, and by what the caller may see; on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from mlserve import events
from mlserve.db.engine import Database
from mlserve.events import Author, Event, Visible, kinds

ANN = Author("ann")
INSTANT = timedelta(microseconds=1)
TIME = datetime(2026, 11, 22, 18, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as connection:
        yield connection


def record(connection: Connection, **values: Any) -> Event:
    return events.record(connection, values.pop("kind", kinds.VERSION_DESCRIBED), ANN, **values)


def ids(connection: Connection, **filters: Any) -> list[str]:
    return [event.id for event in events.page(connection, **filters)]


def test_a_kind_and_a_model_select(connection: Connection) -> None:
    described = record(connection, model="a", version=1)
    retired = record(connection, model="a", version=1, kind=kinds.VERSION_RETIRED)
    other = record(connection, model="b", version=1, kind=kinds.VERSION_RETIRED)
    assert ids(connection) == [other.id, retired.id, described.id]
    assert ids(connection, kind=kinds.VERSION_RETIRED) == [other.id, retired.id]
    assert ids(connection, kind=kinds.VERSION_RETIRED, model="a") == [retired.id]
    assert ids(connection, kind=kinds.ALIAS_MOVED) == []


def test_since_is_within_and_until_without(connection: Connection) -> None:
    now = datetime.now(UTC)
    first, second = (record(connection, at=now + timedelta(seconds=second)) for second in (0, 1))
    assert ids(connection, since=first.at) == [second.id, first.id]
    assert ids(connection, since=first.at + INSTANT) == [second.id]
    assert ids(connection, until=second.at) == [first.id]
    assert ids(connection, since=first.at, until=first.at + INSTANT) == [first.id]


def test_an_event_that_was_written_down_late_or_by_a_clock_that_goes_wrong_is_found_by_its_time(
    connection: Connection,
) -> None:
    late = record(connection, at=TIME - timedelta(days=365))
    ahead = record(connection, at=datetime.now(UTC) + timedelta(hours=5))
    assert ids(connection, since=late.at, until=late.at + INSTANT) == [late.id]
    assert ids(connection, since=ahead.at) == [ahead.id]


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC)])
def test_a_time_before_all_ids_is_one(connection: Connection, moment: datetime) -> None:
    event = record(connection)
    assert ids(connection, since=moment) == [event.id]
    assert ids(connection, until=moment) == []
    assert ids(connection, since=datetime.max.replace(tzinfo=UTC)) == []


def test_what_a_caller_may_not_see_is_not_there(connection: Connection) -> None:
    of_a, of_b, of_none = (record(connection, model=model) for model in ("a", "b", None))
    assert ids(connection, visible=Visible({"a"}, others=False)) == [of_a.id]
    assert ids(connection, visible=Visible({"a", "c"}, others=True)) == [of_none.id, of_a.id]
    assert ids(connection, visible=Visible(set(), others=True)) == [of_none.id]
    assert ids(connection, visible=Visible(set(), others=False)) == []
    assert ids(connection, visible=Visible(None, others=False)) == [of_b.id, of_a.id]
    assert ids(connection, visible=Visible({"a"}, others=False), model="b") == []
    assert ids(connection, visible=Visible({"b"}, others=False), before_id=of_none.id) == [of_b.id]


def test_what_is_of_keys_users_and_refused_calls_is_shown_to_some_only(connection: Connection) -> None:
    key, refused, other = (
        record(connection, kind=kind) for kind in (kinds.KEY_CREATED, kinds.CALL_REFUSED, kinds.VERSION_RETIRED)
    )
    of_a = record(connection, kind=kinds.CALL_REFUSED, model="a")
    assert ids(connection, visible=Visible({"a"}, others=True)) == [of_a.id, other.id]
    assert ids(connection, visible=Visible({"a"}, others=True), kind="key_created") == []
    assert ids(connection, visible=Visible(None, others=True, callers=True)) == [of_a.id, other.id, refused.id, key.id]
