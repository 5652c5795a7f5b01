"""What happened, who did it, when and why: rows that are only ever added."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from mlserve.predictions.ids import PredictionIds
from mlserve.registry.tables import events as events_table

VERSION_REGISTERED = "version_registered"
VERSION_DESCRIBED = "version_described"
VERSION_RETIRED = "version_retired"
ALIAS_MOVED = "alias_moved"
ALIAS_REMOVED = "alias_removed"

_IDS = "mlserve_event_ids"


@dataclass(frozen=True)
class Event:
    """One change. `before` and `after` are JSON objects, or None where there was nothing, or is nothing any more."""

    id: str
    at: datetime
    kind: str
    model: str | None
    version: int | None
    alias: str | None
    actor: str
    reason: str
    before: Any
    after: Any
    request_id: str | None


def record(
    connection: Connection,
    *,
    kind: str,
    actor: str,
    model: str | None = None,
    version: int | None = None,
    alias: str | None = None,
    reason: str = "",
    before: Any = None,
    after: Any = None,
    request_id: str | None = None,
    at: datetime | None = None,
) -> Event:
    """Add an event to the transaction of the change that it tells of: both are stored, or neither.

    `at` is now, unless given. Ids rise with the time within one connection, and about so between hosts.
    """
    ids: PredictionIds = connection.info.setdefault(_IDS, PredictionIds())
    event = Event(
        id=ids(),
        at=at or datetime.now(UTC),
        kind=kind,
        model=model,
        version=version,
        alias=alias,
        actor=actor,
        reason=reason,
        before=before,
        after=after,
        request_id=request_id,
    )
    connection.execute(insert(events_table).values(**event.__dict__))
    return event


def page(
    connection: Connection,
    *,
    model: str | None = None,
    alias: str | None = None,
    before_id: str | None = None,
    limit: int = 50,
) -> list[Event]:
    """Events, newest first: of one model or alias, or all; those before `before_id`, the last id of the page before."""
    e = events_table.c
    query = select(events_table).order_by(e.id.desc()).limit(limit)
    if model is not None:
        query = query.where(e.model == model)
    if alias is not None:
        query = query.where(e.alias == alias)
    if before_id is not None:
        query = query.where(e.id < before_id)
    return [Event(**row) for row in connection.execute(query).mappings()]
