"""Queries over the prediction log in SQL."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, and_, or_, select

from mlserve.db.chunks import in_chunks
from mlserve.ids import is_id, timestamp_of
from mlserve.predictions.record import PredictionRecord, from_row
from mlserve.predictions.tables import predictions

# How many predictions of a list are in memory at once.
_FETCH = 20


class Known(msgspec.Struct, frozen=True):
    """What must be known of a prediction before its actuals are taken."""

    id: str
    model: str
    version: int
    n: int


class Answer(NamedTuple):
    """What a prediction answered, without what it was asked: a JSON array of one object an instance."""

    created_at: datetime
    version: int
    outputs: msgspec.Raw


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
    for chunk in in_chunks(wanted):
        query = select(c.id, c.model, c.version, c.n).where(c.id.in_(chunk))
        found.update({row.id: Known(row.id, row.model, row.version, row.n) for row in connection.execute(query)})
    return found


def walk_predictions(
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
) -> Iterator[PredictionRecord]:
    """A model's predictions, newest first, a few at a time: their inputs may be large. `until` is not included.

    `before_id` continues behind the last id of the page before, even if that prediction was purged meanwhile. Raises
    ValueError for a `before_id` that is no id.
    """
    filters = {"since": since, "until": until, "version": version, "caller": caller, "reference": reference}
    query = _newest_first(select(predictions), model, filters).limit(limit)
    if before_id is not None:
        query = _behind(connection, query, before_id)
    with connection.execute(query, execution_options={"yield_per": _FETCH}) as result:
        for row in result.mappings():
            yield from_row(dict(row))


def walk_answers(connection: Connection, model: str, filters: Mapping[str, Any], *, limit: int) -> Iterator[Answer]:
    """As `walk_predictions`, of their answers alone; `filters` are that function's, by name."""
    c = predictions.c
    query = _newest_first(select(c.created_at, c.version, c.outputs), model, filters).limit(limit)
    with connection.execute(query, execution_options={"yield_per": _FETCH}) as result:
        for row in result:
            yield Answer(*row)


def _newest_first(query: Select[Any], model: str, filters: Mapping[str, Any]) -> Select[Any]:
    c = predictions.c
    conditions = {
        "since": c.created_at.__ge__,
        "until": c.created_at.__lt__,
        "version": c.version.__eq__,
        "caller": c.caller.__eq__,
        "reference": c.reference.__eq__,
    }
    wanted = (conditions[name](value) for name, value in filters.items() if value is not None)
    return query.where(c.model == model, *wanted).order_by(c.created_at.desc(), c.id.desc())


def _behind(connection: Connection, query: Select[Any], before_id: str) -> Select[Any]:
    c = predictions.c
    try:
        made = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=timestamp_of(before_id))
    except OverflowError:  # An id can name a time behind the year 9999: every prediction is before it.
        made = datetime.max.replace(tzinfo=UTC)
    made = connection.scalar(select(c.created_at).where(c.id == before_id)) or made
    # The first condition follows from the second; spelt out, it bounds the walk through the index.
    return query.where(c.created_at <= made, or_(c.created_at < made, and_(c.created_at == made, c.id < before_id)))
