"""What is older than a border goes, wherever it lies, and nothing else."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update

from mlserve.db.engine import Database
from mlserve.ids import timestamp_of
from mlserve.observability.counters import Counters
from mlserve.predictions import actuals, retention
from mlserve.predictions.log import open_log
from mlserve.predictions.record import PredictionRecord, encode
from mlserve.predictions.retention import Old
from mlserve.predictions.spool.set_aside import set_aside, set_aside_names
from mlserve.predictions.tables import actuals as actuals_table
from mlserve.predictions.tables import predictions
from tests.unit.predictions.factories import contributions, explained, family_tables, new_id, no_tables, record, row

START = datetime(2026, 3, 1, tzinfo=UTC)
BORDER = START + timedelta(seconds=100)


def at(seconds: float, **changed: Any) -> PredictionRecord:
    return record(created_at=int((START + timedelta(seconds=seconds)).timestamp() * 1e6), **changed)


def report(database: Database, prediction_id: str, moment: datetime) -> None:
    c = actuals_table.c
    with database.write() as connection:
        number = actuals.put(connection, prediction_id, "m-0", {"p": [1]}).revision
        moved = update(actuals_table).where(c.prediction_id == prediction_id, c.revision == number)
        connection.execute(moved.values(created_at=moment))


def reported(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(select(actuals_table.c.prediction_id)))


def test_predictions_go_with_their_actuals_and_nothing_else(tmp_path: Path, database: Database) -> None:
    old = [at(number, model=f"m-{number % 3}") for number in range(25)]
    young = [at(number, model=f"m-{number % 3}") for number in range(100, 106)]
    with database.write() as connection:
        connection.execute(insert(predictions), [row(one) for one in [*old, *young]])
    for one in (old[0], young[0]):
        report(database, one.id, START)
    assert retention.count(database, tmp_path, BORDER) == Old(25, 0, 0)
    none = no_tables(database)
    assert retention.purge(database, tmp_path, BORDER, batch=4, tables=none) == Old(25, 0, 0)
    assert (
        retention.purge(database, tmp_path, BORDER, tables=none)
        == retention.count(database, tmp_path, BORDER)
        == Old(0, 0, 0)
    )
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(predictions)) == 6
    assert reported(database) == {young[0].id}


def test_old_actuals_of_no_prediction_go_too(tmp_path: Path, database: Database) -> None:
    old, young = [new_id() for _ in range(7)], new_id()
    for one in [*old, old[0]]:
        report(database, one, START)
    report(database, young, BORDER)
    assert retention.count(database, tmp_path, BORDER) == Old(0, 8, 0)
    assert retention.purge(database, tmp_path, BORDER, batch=2, tables=no_tables(database)) == Old(0, 8, 0)
    assert reported(database) == {young}


def test_explanations_whose_predictions_went_without_their_plugin_go_when_it_is_back(
    tmp_path: Path, database: Database
) -> None:
    tables = family_tables(database)
    log = open_log("sql", database, tmp_path, tables=tables, counters=Counters())
    made = [explained(2) for _ in range(9)]
    for one in made:
        log.keep(one)
    later = datetime.now(UTC) + timedelta(days=1)
    assert retention.purge(database, tmp_path, later, tables=no_tables(database)) == Old(9, 0, 0)
    assert len(contributions(database)) == 18
    kept = explained()
    log.keep(kept)
    made_then = timestamp_of(made[6].id)
    border = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=made_then)
    assert retention.purge(database, tmp_path, border, batch=2, tables=tables) == Old(0, 0, 0)
    young = {one.id for one in made if timestamp_of(one.id) >= made_then}
    assert {one["prediction_id"] for one in contributions(database)} == {*young, kept.id}
    # What belongs to a prediction goes with it alone, however old its id is.
    with database.write() as connection:
        connection.execute(update(predictions).values(created_at=later))
    retention.purge(database, tmp_path, later, tables=tables)
    assert {one["prediction_id"] for one in contributions(database)} == {kept.id}


def test_records_set_aside_go_by_their_own_time_or_that_of_their_file(tmp_path: Path, database: Database) -> None:
    first, second = record(), record()
    border = datetime.fromtimestamp(timestamp_of(second.id) / 1e6, UTC)
    for one in (first, second):
        set_aside(tmp_path, new_id(), 0, encode(one), "refused")
    segment = new_id()
    for place in (0, 9):
        set_aside(tmp_path, segment, place, b"nothing that can be read", "damaged")
    os.utime(tmp_path / "set-aside" / f"{segment}-0.record", (0, 0))
    assert retention.count(database, tmp_path, border) == Old(0, 0, 2)
    assert retention.purge(database, tmp_path, border, tables=no_tables(database)) == Old(0, 0, 2)
    assert set_aside_names(tmp_path) == sorted([second.id, f"{segment}-9"])
