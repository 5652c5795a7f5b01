"""What happened, who did it, when and why: rows that are only ever added."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, insert, or_, select

from mlserve.events import outbox
from mlserve.events.author import Author
from mlserve.events.kinds import CALL_REFUSED, OF_CALLERS, Kind
from mlserve.events.tables import events as events_table
from mlserve.ids import Ids, first_id

_IDS = "mlserve_event_ids"
# An event is written down soon after its time, or a little before it where hosts disagree about the time.
_SLACK = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """One change. `before` and `after` are JSON objects, or None where there was nothing, or is nothing any more."""

    id: str
    at: datetime
    kind: Kind
    model: str | None
    version: int | None
    alias: str | None
    actor: str
    reason: str
    before: Any
    after: Any
    request_id: str | None


class Visible(NamedTuple):
    """The events that a caller may see: those of some models (None: of all), with `others` those of no model too,
    and with `callers` those of keys, users and refused calls among them."""

    models: Collection[str] | None
    others: bool
    callers: bool = False


def record(
    connection: Connection,
    kind: Kind,
    author: Author,
    *,
    model: str | None = None,
    version: int | None = None,
    alias: str | None = None,
    before: Any = None,
    after: Any = None,
    at: datetime | None = None,
) -> Event:
    """Add an event to the transaction of the change that it tells of, and to the outbox of webhooks: all, or nothing.

    `at` is now, unless given. Ids rise with the time within one connection, and about so between hosts.
    """
    ids: Ids = connection.info.setdefault(_IDS, Ids())
    event = Event(
        id=ids(),
        at=at or datetime.now(UTC),
        kind=kind,
        model=model,
        version=version,
        alias=alias,
        actor=author.actor,
        reason=author.reason,
        before=before,
        after=after,
        request_id=author.request_id,
    )
    connection.execute(insert(events_table).values(**event.__dict__))
    outbox.fill(connection, event.id, kind=kind, model=model, now=datetime.now(UTC))
    return event


def page(
    connection: Connection,
    *,
    model: str | None = None,
    alias: str | None = None,
    kind: Kind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    visible: Visible | None = None,
    changes: bool = False,
    before_id: str | None = None,
    limit: int = 50,
) -> list[Event]:
    """Events, newest first: of one model, alias or kind, or all; those before `before_id`, the last of the page before.

    They happened at `since` or later, and before `until`. `visible` None: whoever asks may see all. `changes`: without
    the calls that were refused, which changed nothing, unless `kind` asks for them.
    """
    e = events_table.c
    query = select(events_table).order_by(e.id.desc()).limit(limit)
    if model is not None:
        query = query.where(e.model == model)
    if alias is not None:
        query = query.where(e.alias == alias)
    if kind is not None:
        query = query.where(e.kind == kind)
    elif changes:
        query = query.where(e.kind != CALL_REFUSED)
    if since is not None:
        # By the time alone, all events ever would be looked through.
        query = query.where(e.at >= since, e.id >= first_id(since, _SLACK))
    if until is not None:
        query = query.where(e.at < until)
    if visible is not None:
        query = query.where(_is_visible(visible))
    if before_id is not None:
        query = query.where(e.id < before_id)
    return [Event(**row) for row in connection.execute(query).mappings()]


def find(connection: Connection, event_id: str) -> Event | None:
    """The event of that id."""
    found = connection.execute(select(events_table).where(events_table.c.id == event_id)).mappings().first()
    return None if found is None else Event(**found)


def _is_visible(visible: Visible) -> ColumnElement[bool]:
    e = events_table.c
    of_models = e.model.is_not(None) if visible.models is None else e.model.in_(visible.models)
    others = and_(e.model.is_(None), e.kind.not_in(OF_CALLERS)) if visible.others else false()
    callers = and_(e.model.is_(None), e.kind.in_(OF_CALLERS)) if visible.callers else false()
    return or_(of_models, others, callers)
