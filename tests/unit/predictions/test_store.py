"""Listing, views and retention over SQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Column, Connection, Integer, Text, insert, select, table, text

from mlserve.db.engine import Database
from mlserve.db.types import JsonText, UtcTime, UuidText
from mlserve.predictions import actuals, store
from mlserve.predictions.record import PredictionRecord, created_at
from mlserve.predictions.tables import predictions
from tests.unit.predictions.factories import OUTPUTS, new_id, record, row

prediction_instances = table(
    "prediction_instances",
    Column("prediction_id", UuidText),
    Column("instance", Integer),
    Column("model", Text),
    Column("version", Integer),
    Column("created_at", UtcTime),
    Column("input", JsonText),
    Column("output", JsonText),
    Column("actual_revision", Integer),
    Column("actual", JsonText),
)

START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float, **changed: Any) -> PredictionRecord:
    microseconds = int((START + timedelta(seconds=seconds)).timestamp() * 1e6)
    return record(created_at=microseconds, **changed)


def keep(database: Database, *records: PredictionRecord) -> None:
    with database.write() as connection:
        connection.execute(insert(predictions), [row(one) for one in records])


def instances(connection: Connection, prediction_id: str) -> list[dict[str, Any]]:
    """The view's rows of one prediction, in the order of its instances."""
    c = prediction_instances.c
    query = select(prediction_instances).where(c.prediction_id == prediction_id).order_by(c.instance)
    return [dict(row) for row in connection.execute(query).mappings()]


def listed(database: Database, model: str = "flight-delay", **wanted: Any) -> list[str]:
    with database.read() as connection:
        return [one.id for one in store.walk_predictions(connection, model, **wanted)]


def test_the_newest_come_first_and_other_models_not_at_all(database: Database) -> None:
    records = [at(0), at(1), at(2), at(3, model="other")]
    keep(database, *records)
    assert listed(database) == [records[2].id, records[1].id, records[0].id]
    assert listed(database, model="unknown") == []


def test_pages_continue_without_gap_or_repeat_even_at_the_same_instant(database: Database) -> None:
    records = [at(number // 3) for number in range(20)]
    keep(database, *records)
    pages: list[str] = []
    while page := listed(database, limit=4, before_id=pages[-1] if pages else None):
        pages += page
    assert pages == listed(database, limit=100)
    assert set(pages) == {one.id for one in records}


def test_a_page_continues_behind_a_prediction_that_was_purged(database: Database) -> None:
    gone = new_id()
    keep(database, record(), record())
    assert listed(database, before_id=gone) == []
    older = listed(database)
    assert listed(database, before_id=new_id()) == older


def test_a_cursor_may_name_a_time_that_no_calendar_has(database: Database) -> None:
    keep(database, one := record())
    assert listed(database, before_id="ffffffff-ffff-7fff-bfff-ffffffffffff") == [one.id]


def test_a_cursor_that_is_no_id_is_a_mistake_of_the_caller(database: Database) -> None:
    with pytest.raises(ValueError, match="not a UUIDv7"):
        listed(database, before_id="'; DROP TABLE predictions")


def test_predictions_are_filtered_by_time_version_caller_and_reference(database: Database) -> None:
    records = [at(0), at(1, version=2), at(2, caller="shop"), at(3, reference="o-1")]
    keep(database, *records)
    second = timedelta(seconds=1)
    assert listed(database, since=START + second, until=START + 3 * second) == [records[2].id, records[1].id]
    assert listed(database, version=2) == [records[1].id]
    assert listed(database, caller="shop") == [records[2].id]
    assert listed(database, caller="") == [records[3].id, records[1].id, records[0].id]
    assert listed(database, reference="o-1") == [records[3].id]


def test_answers_alone_are_walked_in_the_same_order_by_the_same_filters(database: Database) -> None:
    keep(database, at(0), at(1, version=2), at(2), at(3, model="another"))
    with database.read() as connection:
        newest = list(store.walk_answers(connection, "flight-delay", {"since": None, "version": None}, limit=2))
        filtered = list(store.walk_answers(connection, "flight-delay", {"version": 2, "until": START}, limit=2))
        second = list(store.walk_answers(connection, "flight-delay", {"version": 2}, limit=2))
    assert [answer.created_at - START for answer in newest] == [timedelta(seconds=2), timedelta(seconds=1)]
    assert newest[1:] == second
    assert (second[0].version, bytes(second[0].outputs)) == (2, OUTPUTS)
    assert filtered == []


def test_the_arrival_is_told_by_the_databases_clock(database: Database) -> None:
    one = at(0)
    keep(database, one)
    with database.read() as connection:
        stored = connection.scalar(select(predictions.c.stored_at))
    assert abs(datetime.now(UTC) - stored) < timedelta(minutes=1)


def batch(n: int) -> PredictionRecord:
    inputs = [{"a": number, "b": -0.0, "c": None} for number in range(n)]
    outputs = [{"p": number / 8} for number in range(n)]
    encode = msgspec.json.encode
    return record(n=n, inputs=msgspec.Raw(encode(inputs)), outputs=msgspec.Raw(encode(outputs)))


def test_the_view_has_one_row_an_instance_with_its_own_actual(database: Database) -> None:
    one = batch(3)
    keep(database, one, batch(2))
    with database.write() as connection:
        actuals.put(connection, one.id, one.model, {"p": [0, 0, 0]})
        actuals.put(connection, one.id, one.model, {"p": [1, None, 0.5], "label": ["late", None, {"x": [1]}]})
    with database.read() as connection:
        rows = instances(connection, one.id)
    assert [row["instance"] for row in rows] == [0, 1, 2]
    assert [row["input"] for row in rows] == [{"a": number, "b": 0.0, "c": None} for number in range(3)]
    assert [row["output"] for row in rows] == [{"p": 0.0}, {"p": 0.125}, {"p": 0.25}]
    assert [row["actual"] for row in rows] == [
        {"p": 1, "label": "late"},
        {"p": None, "label": None},
        {"p": 0.5, "label": {"x": [1]}},
    ]
    assert {(row["model"], row["version"], row["created_at"], row["actual_revision"]) for row in rows} == {
        (one.model, one.version, created_at(one), 2)
    }


def test_the_view_keeps_minus_zero_and_says_nothing_where_nothing_is_known(database: Database) -> None:
    one = batch(1)
    keep(database, one)
    with database.read() as connection:
        raw = connection.execute(text("SELECT CAST(input AS TEXT), actual FROM prediction_instances")).one()
    assert raw[0] == '{"a":0,"b":-0.0,"c":null}'
    assert raw[1] is None


def test_the_view_shows_outputs_whose_inputs_are_in_a_block(database: Database) -> None:
    one = batch(2)
    with database.write() as connection:
        connection.execute(insert(predictions), row(one) | {"inputs": None, "inputs_block": b"x", "encoding": "arrow"})
    with database.read() as connection:
        rows = instances(connection, one.id)
    assert [(row["input"], row["output"]) for row in rows] == [(None, {"p": 0.0}), (None, {"p": 0.125})]


def test_a_large_batch_can_be_read_through_the_view(database: Database) -> None:
    one = batch(2000)
    keep(database, one)
    with database.write() as connection:
        actuals.put(connection, one.id, one.model, {"p": list(range(2000))})
    with database.read() as connection:
        rows = instances(connection, one.id)
    assert [row["actual"]["p"] for row in rows] == [row["input"]["a"] for row in rows] == list(range(2000))
