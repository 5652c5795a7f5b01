"""Actuals: what really happened, reported late, corrected, and never overwritten.

The table keeps them as it keeps outputs, an array of one object an instance; callers speak of a list for each output.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, literal, select

from mlserve.db.insert import insert_into
from mlserve.predictions.tables import actuals


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One report on one prediction: by output, a value or null (not known) for each instance."""

    prediction_id: str
    revision: int
    model: str
    actuals: dict[str, list[Any]]
    caller: str
    request_id: str | None
    created_at: datetime


def put(
    connection: Connection,
    prediction_id: str,
    model: str,
    values: Mapping[str, Sequence[Any]],
    *,
    caller: str = "",
    request_id: str | None = None,
) -> Revision:
    """Adds a revision, which is the current one from now on; revisions of a prediction count from 1.

    `values` has for each output a list of a value or None (not known) per instance; ValueError for unequal lengths.

    Whether the prediction exists, and whether the values fit it, is checked before: this table has no foreign key,
    because the prediction may still be in the spool.
    """
    created_at = datetime.now(UTC)
    fixed: dict[str, Any] = {
        "prediction_id": prediction_id,
        "model": model,
        "actuals": _by_instance(values),
        "caller": caller,
        "request_id": request_id,
        "created_at": created_at,
    }
    insert = insert_into(actuals, connection.dialect.name)
    while True:
        columns = [*fixed, "revision"]
        source = select(*(_typed(name, value) for name, value in fixed.items()), _next_revision(prediction_id))
        statement = insert.from_select(columns, source).on_conflict_do_nothing(
            index_elements=["prediction_id", "revision"]
        )
        revision = connection.scalar(statement.returning(actuals.c.revision))
        if revision is not None:
            return _revision({**fixed, "revision": revision})
        # Somebody else took this number between our reading and our writing; their row is visible now.


def current(connection: Connection, prediction_id: str) -> Revision | None:
    """The last revision; None while nothing was reported."""
    revisions = _revisions(connection, prediction_id, limit=1)
    return revisions[0] if revisions else None


def history(connection: Connection, prediction_id: str) -> list[Revision]:
    """All revisions, the current one first."""
    return _revisions(connection, prediction_id, limit=None)


def _revisions(connection: Connection, prediction_id: str, limit: int | None) -> list[Revision]:
    query = select(actuals).where(actuals.c.prediction_id == prediction_id).order_by(actuals.c.revision.desc())
    return [_revision(dict(row)) for row in connection.execute(query.limit(limit)).mappings()]


def _revision(row: Mapping[str, Any]) -> Revision:
    instances: list[dict[str, Any]] = row["actuals"]
    columns = {name: [instance[name] for instance in instances] for name in (instances[0] if instances else ())}
    return Revision(**{**row, "actuals": columns})


def _by_instance(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """One object an instance. Raises ValueError for lists of unequal length."""
    return [dict(zip(values, instance, strict=True)) for instance in zip(*values.values(), strict=True)]


def _typed(name: str, value: Any) -> ColumnElement[Any]:
    """A literal with the column's type said in SQL too: PostgreSQL takes an untyped one in a SELECT for text."""
    column = actuals.c[name]
    return literal(value, column.type).cast(column.type)


def _next_revision(prediction_id: str) -> ColumnElement[int]:
    last = select(func.max(actuals.c.revision)).where(actuals.c.prediction_id == prediction_id).scalar_subquery()
    return func.coalesce(last, 0) + 1
