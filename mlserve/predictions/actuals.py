"""Actuals: what really happened, reported late, corrected, and never overwritten.

The table keeps them as it keeps outputs, an array of one object an instance; callers speak of a list for each output.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, select

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
    fixed: dict[str, Any] = {
        "prediction_id": prediction_id,
        "model": model,
        "actuals": _by_instance(values),
        "caller": caller,
        "request_id": request_id,
        "created_at": datetime.now(UTC),
    }
    while True:
        revision = connection.scalar(_insert_next(connection.dialect.name), fixed)
        if revision is not None:
            return _revision({**fixed, "revision": revision})
        # Somebody else took this number between our reading and our writing; their row is visible now.


@lru_cache
def _insert_next(dialect: str) -> Any:
    """The insert of the next revision, built once: building it costs several times what running it does."""
    names = [column.name for column in actuals.columns if column.name != "revision"]
    # The type is said in SQL too: PostgreSQL takes an untyped value in a SELECT for text.
    values = {name: bindparam(name, type_=actuals.c[name].type).cast(actuals.c[name].type) for name in names}
    last = select(func.max(actuals.c.revision)).where(actuals.c.prediction_id == values["prediction_id"])
    source = select(*values.values(), func.coalesce(last.scalar_subquery(), 0) + 1)
    insert = insert_into(actuals, dialect).from_select([*names, "revision"], source)
    new = insert.on_conflict_do_nothing(index_elements=["prediction_id", "revision"])
    return new.returning(actuals.c.revision)


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
