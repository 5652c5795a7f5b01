"""How each webhook stands: declared by the servers' INIs, active or disabled, failing since when.

A webhook stays as long as any server declares it, and `mlserve.delivery.give_up` longer: during a restart, or a
roll-out from host to host, nothing that it is still to be told is lost.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from mlserve import events
from mlserve.api.times import time_text
from mlserve.db.insert import insert_into
from mlserve.errors import ConfigurationError
from mlserve.events import Author, kinds, outbox
from mlserve.events.outbox import ACTIVE, DISABLED, DUE, Claim
from mlserve.events.tables import deliveries, webhooks

# What made a change that no caller asked for.
ACTOR: Final = "webhooks"


@dataclass(frozen=True)
class Failure:
    """An attempt that was not answered 2xx. `retry_after` is in seconds; `gone`: the receiver wants no more."""

    error: str
    retry_after: float | None = None
    gone: bool = False


@dataclass(frozen=True)
class Consequence:
    """What a failure has led to; `first`: the delivery before had gone through."""

    first: bool = False
    given_up: bool = False
    disabled: bool = False


def declare(connection: Connection, name: str, kinds: Collection[str], models: Collection[str], now: datetime) -> None:
    """An INI declares a webhook, new or known; one that is disabled stays so."""
    said = {"kinds": [*kinds], "models": [*models], "declared_at": now}
    statement = insert_into(webhooks, connection.dialect.name).values(name=name, state=ACTIVE, last_error="", **said)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=said))


def delivered(connection: Connection, claimed: Claim, now: datetime) -> bool:
    """A delivery went through; whether the ones before had failed."""
    row = _locked(connection, claimed.webhook)
    outbox.end(connection, claimed, outbox.DELIVERED, now)
    _set(connection, claimed.webhook, failing_since=None, paused_until=None, last_delivered_at=now, last_error="")
    return row is not None and row["failing_since"] is not None


def failed(
    connection: Connection,
    claimed: Claim,
    failure: Failure,
    now: datetime,
    *,
    again: datetime | None,
    patience: timedelta,
) -> Consequence:
    """A delivery has failed, and is tried `again`; None: it was tried often enough.

    With nothing but failures for as long as `patience` the webhook is disabled, and keeps what is due; where others
    went through, this delivery is given up.
    """
    row = _locked(connection, claimed.webhook)
    if row is None:
        return Consequence()
    since = row["failing_since"] or now
    paused = None if failure.retry_after is None else now + timedelta(seconds=failure.retry_after)
    _set(connection, claimed.webhook, failing_since=since, paused_until=paused, last_error=failure.error)
    hopeless = failure.gone or now - since >= patience
    disabled, given_up = hopeless and row["state"] == ACTIVE, again is None and not hopeless
    if disabled:
        _disable(connection, claimed.webhook, failure.error, since, now)
    if given_up:
        outbox.end(connection, claimed, outbox.GIVEN_UP, now, failure.error)
    else:
        outbox.put_off(connection, claimed, again or now, failure.error)
    return Consequence(row["failing_since"] is None, given_up, disabled)


def enable(connection: Connection, name: str, now: datetime, author: Author) -> int:
    """Let a webhook be told again, at once; how many deliveries have waited for that.

    Raises ConfigurationError for an unknown one.
    """
    row = _locked(connection, name)
    if row is None:
        raise _unknown(name)
    d = deliveries.c
    _set(connection, name, state=ACTIVE, failing_since=None, paused_until=None, disabled_at=None, last_error="")
    connection.execute(update(deliveries).where(d.webhook == name, d.state == DUE).values(next_at=now, attempts=0))
    due = outbox.count_due(connection).get(name, 0)
    if row["state"] == DISABLED:
        events.record(connection, kinds.WEBHOOK_ENABLED, author, after={"name": name})
    return due


def forget(connection: Connection, name: str, author: Author) -> int:
    """Remove a webhook; how many deliveries go with it. Raises ConfigurationError for an unknown one."""
    if _locked(connection, name) is None:
        raise _unknown(name)
    due = outbox.count_due(connection).get(name, 0)
    connection.execute(delete(deliveries).where(deliveries.c.webhook == name))
    connection.execute(delete(webhooks).where(webhooks.c.name == name))
    events.record(connection, kinds.WEBHOOK_REMOVED, author, before={"name": name, "due": due})
    return due


def forget_undeclared(connection: Connection, before: datetime) -> list[str]:
    """Remove the webhooks that no server has declared since then; their names."""
    w = webhooks.c
    # Locked, so that none goes which a server declares at the same instant.
    found = select(w.name).where(w.declared_at < before).order_by(w.name).with_for_update()
    names = list(connection.scalars(found))
    for name in names:
        forget(connection, name, Author(ACTOR, "No server declares it any more."))
    return names


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Every webhook by name: the columns of its row, and how many deliveries are `due` and were `given_up`."""
    d = deliveries.c
    over = select(d.webhook, func.count()).where(d.state == outbox.GIVEN_UP).group_by(d.webhook)
    given_up: dict[str, int] = {row[0]: row[1] for row in connection.execute(over)}
    due = outbox.count_due(connection)
    return [
        {**row, "due": due.get(row["name"], 0), "given_up": given_up.get(row["name"], 0)}
        for row in connection.execute(select(webhooks).order_by(webhooks.c.name)).mappings()
    ]


def _disable(connection: Connection, name: str, error: str, since: datetime, now: datetime) -> None:
    """Its event is told to the other webhooks: in this transaction, it is active no more."""
    _set(connection, name, state=DISABLED, disabled_at=now)
    after = {"name": name, "error": error, "failing_since": time_text(since)}
    events.record(connection, kinds.WEBHOOK_DISABLED, Author(ACTOR), after=after)


def _locked(connection: Connection, name: str) -> dict[str, Any] | None:
    """The row, for whoever changes it; None where there is none. Two processes may end deliveries at once."""
    row = connection.execute(select(webhooks).where(_is(name)).with_for_update()).mappings().first()
    return None if row is None else dict(row)


def _set(connection: Connection, name: str, **values: Any) -> None:
    connection.execute(update(webhooks).where(_is(name)).values(**values))


def _is(name: str) -> ColumnElement[bool]:
    return webhooks.c.name == name


def _unknown(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is no webhook {name!r} in the database: a server declares it at its start, by mlserve.webhooks.{name}."
    )
