"""The outbox: what is still to be sent, written in the transaction of the event that it tells of.

A delivery is claimed by counting an attempt, and putting off the next one: a sender that is killed says no more, and
the time comes again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from mlserve.events.kinds import Kind
from mlserve.events.tables import deliveries, webhooks
from mlserve.ids import first_id

ACTIVE: Final = "active"
DISABLED: Final = "disabled"
DUE: Final = "due"
DELIVERED: Final = "delivered"
GIVEN_UP: Final = "given_up"


@dataclass(frozen=True)
class Claim:
    """A delivery that is one sender's until `until`, for its attempt number `attempts`, from 1."""

    webhook: str
    event_id: str
    attempts: int
    until: datetime


def fill(connection: Connection, event_id: str, *, kind: Kind, model: str | None, now: datetime) -> None:
    """Put an event into the outbox of every webhook that is told of its kind and model."""
    w = webhooks.c
    found = connection.execute(select(w.name, w.kinds, w.models).where(w.state == ACTIVE)).all()
    names = [row.name for row in found if _wants(row, kind, model)]
    if names:
        rows = [
            {"event_id": event_id, "webhook": name, "state": DUE, "attempts": 0, "next_at": now, "last_error": ""}
            for name in names
        ]
        connection.execute(insert(deliveries), rows)


def is_due(connection: Connection, webhook: str, now: datetime) -> bool:
    """Whether there is something to claim; asked first, because a claim waits for SQLite's one writer."""
    return connection.execute(_next(webhook, now)).first() is not None


def claim(connection: Connection, webhook: str, now: datetime, lease: Callable[[int], timedelta]) -> Claim | None:
    """The delivery that has waited longest, for one sender; None where nothing is due. Needs a write transaction.

    `lease` is how long the claim lasts, by the number of the attempt.
    """
    # Who comes second takes the next one, and does not wait.
    found = connection.execute(_next(webhook, now).with_for_update(of=deliveries, skip_locked=True)).first()
    if found is None:
        return None
    attempts = found.attempts + 1
    claimed = Claim(webhook, found.event_id, attempts, now + lease(attempts))
    connection.execute(update(deliveries).where(_is(claimed)).values(attempts=attempts, next_at=claimed.until))
    return claimed


def end(connection: Connection, claimed: Claim, state: str, now: datetime, error: str = "") -> None:
    """The delivery is over: delivered, whoever else has claimed it by now, or given up."""
    d = deliveries.c
    mine = [] if state == DELIVERED else [d.next_at == claimed.until]
    connection.execute(
        update(deliveries)
        .where(_is(claimed), d.state != DELIVERED, *mine)
        .values(state=state, ended_at=now, last_error=error)
    )


def put_off(connection: Connection, claimed: Claim, until: datetime, error: str) -> None:
    """The attempt has failed, and the next one is made then; one whose claim ran out has no say."""
    d = deliveries.c
    connection.execute(
        update(deliveries)
        .where(_is(claimed), d.state == DUE, d.next_at == claimed.until)
        .values(next_at=until, last_error=error)
    )


def count_due(connection: Connection) -> dict[str, int]:
    """How many deliveries wait, by webhook."""
    d = deliveries.c
    query = select(d.webhook, func.count()).where(d.state == DUE).group_by(d.webhook)
    return {row[0]: row[1] for row in connection.execute(query)}


def sweep(connection: Connection, before: datetime) -> None:
    """Remove what was over before that time, what waits since then for a disabled webhook, and what is nobody's."""
    d, w = deliveries.c, webhooks.c
    disabled = select(w.name).where(w.state == DISABLED)
    old = d.event_id < first_id(before)
    connection.execute(
        delete(deliveries).where(
            or_(d.ended_at < before, (d.state == DUE) & old & d.webhook.in_(disabled), d.webhook.not_in(select(w.name)))
        )
    )


def _wants(hook: Any, kind: Kind, model: str | None) -> bool:
    """An empty list is no choice."""
    return (not hook.kinds or kind in hook.kinds) and (not hook.models or model in hook.models)


def _next(webhook: str, now: datetime) -> Any:
    d, w = deliveries.c, webhooks.c
    return (
        select(d.event_id, d.attempts)
        .join(webhooks, w.name == d.webhook)
        .where(d.webhook == webhook, d.state == DUE, d.next_at <= now)
        .where(w.state == ACTIVE, or_(w.paused_until.is_(None), w.paused_until <= now))
        .order_by(d.next_at, d.event_id)
        .limit(1)
    )


def _is(claimed: Claim) -> ColumnElement[bool]:
    return (deliveries.c.event_id == claimed.event_id) & (deliveries.c.webhook == claimed.webhook)
