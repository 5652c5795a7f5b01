"""Queries over the prediction log in SQL."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Integer, Select, Text, and_, delete, func, or_, select, table

from mlserve.db.engine import Database
from mlserve.db.types import JsonText, UtcTime, UuidText
from mlserve.predictions.ids import is_id, timestamp_of
from mlserve.predictions.record import PredictionRecord, from_row
from mlserve.predictions.tables import actuals, predictions

# How many ids one statement asks for: well under SQLite's limit of bound values.
_CHUNK = 500

# The view of one row an instance.
prediction_instances = table(
    "prediction_instances",
    Column("prediction_id", UuidText),
    Column("instance", Integer),
    Column("model", Text),
    Column("version", Integer),
    Column("created_at", UtcTime),
    Column("alias", Text),
    Column("arm", Text),
    Column("caller", Text),
    Column("reference", Text),
    Column("input", JsonText),
    Column("output", JsonText),
    Column("actual_revision", Integer),
    Column("actual", JsonText),
)


class Known(msgspec.Struct, frozen=True):
    """What must be known of a prediction before its actuals are taken."""

    id: str
    model: str
    version: int
    n: int


def get(connection: Connection, prediction_id: str) -> PredictionRecord | None:
    """The prediction of that id; None for an unknown one, and for a text that is no id."""
    if not is_id(prediction_id):
        return None
    row = connection.execute(select(predictions).where(predictions.c.id == prediction_id)).mappings().first()
    return None if row is None else from_row(dict(row))


def get_keyed(connection: Connection, caller: str, model: str, key: str) -> PredictionRecord | None:
    """The prediction that was made under an idempotency key."""
    c = predictions.c
    query = select(predictions).where(c.caller == caller, c.model == model, c.idempotency_key == key)
    row = connection.execute(query).mappings().first()
    return None if row is None else from_row(dict(row))


def known(connection: Connection, ids: Iterable[str]) -> dict[str, Known]:
    """What SQL knows of these predictions, by id; unknown ones are absent."""
    wanted = [prediction_id for prediction_id in dict.fromkeys(ids) if is_id(prediction_id)]
    found: dict[str, Known] = {}
    c = predictions.c
    for start in range(0, len(wanted), _CHUNK):
        query = select(c.id, c.model, c.version, c.n).where(c.id.in_(wanted[start : start + _CHUNK]))
        found.update({row.id: Known(row.id, row.model, row.version, row.n) for row in connection.execute(query)})
    return found


def list_predictions(
    connection: Connection,
    model: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    version: int | None = None,
    caller: str | None = None,
    reference: str | None = None,
    limit: int = 50,
    before_id: str | None = None,
) -> list[PredictionRecord]:
    """A model's predictions, newest first; `since` is included, `until` is not.

    `before_id` continues behind the last id of the page before, even if that prediction was purged meanwhile. Raises
    ValueError for a `before_id` that is no id.
    """
    c = predictions.c
    query = select(predictions).where(c.model == model).order_by(c.created_at.desc(), c.id.desc()).limit(limit)
    wanted = {c.version: version, c.caller: caller, c.reference: reference}
    query = query.where(*(column == value for column, value in wanted.items() if value is not None))
    if since is not None:
        query = query.where(c.created_at >= since)
    if until is not None:
        query = query.where(c.created_at < until)
    if before_id is not None:
        query = _behind(connection, query, before_id)
    return [from_row(dict(row)) for row in connection.execute(query).mappings()]


def _behind(connection: Connection, query: Select[Any], before_id: str) -> Select[Any]:
    c = predictions.c
    made = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=timestamp_of(before_id))
    made = connection.scalar(select(c.created_at).where(c.id == before_id)) or made
    # The first condition follows from the second; spelt out, it bounds the walk through the index.
    return query.where(c.created_at <= made, or_(c.created_at < made, and_(c.created_at == made, c.id < before_id)))


def instances(connection: Connection, prediction_id: str) -> Sequence[dict[str, Any]]:
    """The rows of view `prediction_instances` for one prediction, in the order of its instances."""
    view = prediction_instances.c
    query = select(prediction_instances).where(view.prediction_id == prediction_id).order_by(view.instance)
    return [dict(row) for row in connection.execute(query).mappings()]


def purge(database: Database, older_than: datetime, batch: int = 1000) -> int:
    """Deletes the predictions made before that time, with their actuals; how many.

    A transaction for each `batch`, so that no lock is long and work done is kept. Raises DatabaseUnavailable.
    """
    total = 0
    while True:
        with database.write() as connection:
            deleted = _purge_batch(connection, older_than, batch)
        if not deleted:
            return total
        total += deleted


def count_older(database: Database, older_than: datetime) -> int:
    """How many predictions were made before that time. Raises DatabaseUnavailable."""
    c = predictions.c
    with database.read() as connection:
        query = select(func.count()).select_from(predictions)
        counts = [
            connection.execute(query.where(c.model == model, c.created_at < older_than)).scalar_one()
            for model in _models(connection)
        ]
    return sum(counts)


def _purge_batch(connection: Connection, older_than: datetime, batch: int) -> int:
    c = predictions.c
    for model in _models(connection):
        query = select(c.id).where(c.model == model, c.created_at < older_than).order_by(c.created_at, c.id)
        ids = connection.scalars(query.limit(batch)).all()
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            connection.execute(delete(actuals).where(actuals.c.prediction_id.in_(chunk)))
            connection.execute(delete(predictions).where(c.id.in_(chunk)))
        if ids:
            return len(ids)
    return 0


def _models(connection: Connection) -> list[str]:
    """The names of all models that have predictions: one step through the index a model, not a walk over all rows."""
    names: list[str] = []
    name = connection.scalar(select(func.min(predictions.c.model)))
    while name is not None:
        names.append(name)
        name = connection.scalar(select(func.min(predictions.c.model)).where(predictions.c.model > name))
    return names
