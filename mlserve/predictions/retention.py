"""What is older than a border goes: predictions with their actuals and explanations, actuals and explanations of no
prediction, records set aside."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Column, ColumnElement, Connection, delete, func, select

from mlserve.db.chunks import in_chunks
from mlserve.db.engine import Database
from mlserve.ids import first_id
from mlserve.predictions.family_tables import FamilyTables
from mlserve.predictions.spool.set_aside import made_before
from mlserve.predictions.tables import actuals, predictions

# Before the smallest id.
_NIL = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Old:
    """How many there are, or were: `actuals` counts reports whose prediction is gone or was never kept."""

    predictions: int
    actuals: int
    set_aside: int


def count(database: Database, spool: Path, older_than: datetime) -> Old:
    """What was made before that time. Raises DatabaseUnavailable."""
    c = predictions.c
    with database.read() as connection:
        query = select(func.count()).select_from(predictions)
        old = sum(
            connection.execute(query.where(c.model == model, c.created_at < older_than)).scalar_one()
            for model in _models(connection)
        )
        alone = connection.execute(
            select(func.count()).select_from(actuals).where(_reported_alone(older_than))
        ).scalar_one()
    return Old(old, alone, len(made_before(spool, older_than)))


def purge(database: Database, spool: Path, older_than: datetime, batch: int = 1000, *, tables: FamilyTables) -> Old:
    """Deletes what was made before that time; how much. `tables` hold the predictions' explanations.

    Also those of predictions that went while no plugin brought their table. A transaction for each `batch`, so that no
    lock is long and work done is kept. Raises DatabaseUnavailable, OSError.
    """
    old = 0
    while deleted := _purge_batch(database, older_than, batch, tables):
        old += deleted
    alone = _purge_alone(database, actuals.c.prediction_id, _reported_alone(older_than), batch)
    for table in tables:
        column = table.c.prediction_id
        _purge_alone(database, column, _alone(column, column < first_id(older_than)), batch)
    aside = made_before(spool, older_than)
    for path in aside:
        path.unlink(missing_ok=True)
    return Old(old, alone, len(aside))


def _purge_batch(database: Database, older_than: datetime, batch: int, tables: FamilyTables) -> int:
    c = predictions.c
    with database.write() as connection:
        for model in _models(connection):
            query = select(c.id).where(c.model == model, c.created_at < older_than).order_by(c.created_at, c.id)
            ids = connection.scalars(query.limit(batch)).all()
            for chunk in in_chunks(ids):
                connection.execute(delete(actuals).where(actuals.c.prediction_id.in_(chunk)))
                tables.delete(connection, chunk)
                connection.execute(delete(predictions).where(c.id.in_(chunk)))
            if ids:
                return len(ids)
    return 0


def _purge_alone(database: Database, column: Column[str], alone: ColumnElement[bool], batch: int) -> int:
    """Deletes the rows that are `alone`, of some predictions after others; `column` holds their id."""
    total, last = 0, _NIL
    while True:
        with database.write() as connection:
            query = select(column).distinct().where(alone, column > last)
            ids = connection.scalars(query.order_by(column).limit(batch)).all()
            for chunk in in_chunks(ids):
                # Asked once more, because the shipper may have brought the prediction meanwhile.
                total += connection.execute(delete(column.table).where(column.in_(chunk), alone)).rowcount
        if not ids:
            return total
        last = ids[-1]


def _reported_alone(older_than: datetime) -> ColumnElement[bool]:
    return _alone(actuals.c.prediction_id, actuals.c.created_at < older_than)


def _alone(column: Column[str], old: ColumnElement[bool]) -> ColumnElement[bool]:
    """What is old and of no prediction."""
    return old & ~select(predictions.c.id).where(predictions.c.id == column).exists()


def _models(connection: Connection) -> list[str]:
    """The names of all models that have predictions: one step through the index a model, not a walk over all rows."""
    names: list[str] = []
    name = connection.scalar(select(func.min(predictions.c.model)))
    while name is not None:
        names.append(name)
        name = connection.scalar(select(func.min(predictions.c.model)).where(predictions.c.model > name))
    return names
