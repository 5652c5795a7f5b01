"""Keeps an administrator: over HTTP nobody could let another one in once the last one is gone."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from mlserve.auth.roles import ADMIN
from mlserve.auth.tables import api_keys, users
from mlserve.errors import LastAdmin


@contextmanager
def one_left(connection: Connection) -> Iterator[None]:
    """Raises LastAdmin where the block takes away the last that may administer all; the transaction must end with it.

    Of two transactions that take one away each, the second waits for the first.
    """
    before = _count(connection)
    yield
    if before and not _count(connection):
        raise LastAdmin(
            "This is the last key or user with the role admin for all models: make another one first. "
            "Who may use the database can do without, by mlserve keys and mlserve users."
        )


def _count(connection: Connection) -> int:
    """How many keys and users may administer all now. Locks them, in one order, until the transaction ends."""
    k, now = api_keys.c, datetime.now(UTC)
    keys = select(k.roles, k.models, k.expires_at).where(k.revoked_at.is_(None)).order_by(k.id)
    people = select(users.c.roles, users.c.models).order_by(users.c.name)
    found = [
        *(row for row in connection.execute(keys.with_for_update()) if row.expires_at is None or row.expires_at > now),
        *connection.execute(people.with_for_update()),
    ]
    return sum(_administers(row.roles, row.models) for row in found)


def _administers(roles: Collection[str], models: Collection[str] | None) -> bool:
    return ADMIN in roles and models is None
