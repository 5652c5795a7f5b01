"""What is older than a border goes, wherever it lies, and nothing else."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update

from mlserve.db.engine import Database
from mlserve.predictions import actuals, retention
from mlserve.predictions.ids import timestamp_of
from mlserve.predictions.record import PredictionRecord, encode
from mlserve.predictions.retention import Old
from mlserve.predictions.spool.set_aside import set_aside, set_aside_names
from mlserve.predictions.tables import actuals as actuals_table
from mlserve.predictions.tables import predictions
from tests.unit.predictions.factories import new_id, record, row

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
    assert retention.purge(database, tmp_path, BORDER, batch=4) == Old(25, 0, 0)
    assert retention.purge(database, tmp_path, BORDER) == retention.count(database, tmp_path, BORDER) == Old(0, 0, 0)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(predictions)) == 6
    assert reported(database) == {young[0].id}


def test_old_actuals_of_no_prediction_go_too(tmp_path: Path, database: Database) -> None:
    old, young = [new_id() for _ in range(7)], new_id()
    for one in [*old, old[0]]:
        report(database, one, START)
    report(database, young, BORDER)
    assert retention.count(database, tmp_path, BORDER) == Old(0, 8, 0)
    assert retention.purge(database, tmp_path, BORDER, batch=2) == Old(0, 8, 0)
    assert reported(database) == {young}


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
    assert retention.purge(database, tmp_path, border) == Old(0, 0, 2)
    assert set_aside_names(tmp_path) == sorted([second.id, f"{segment}-9"])
