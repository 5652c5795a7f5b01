"""Users in the database: added, changed, listed, removed, and what their logins leave. Each change is an event."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select, update

from mlserve import events
from mlserve.api.times import time_text
from mlserve.auth.identity import Identity
from mlserve.auth.tables import users
from mlserve.db.insert import insert_into
from mlserve.errors import UserExists, UserUnknown
from mlserve.events import Author, kinds

# What is told of a user: neither the password nor what marks its sessions.
_COLUMNS = [column for column in users.c if column.name not in ("password", "generation")]


class KnownUser(NamedTuple):
    """A user whose sessions of this generation go on."""

    identity: Identity
    generation: str


class Account(NamedTuple):
    """What a login looks at."""

    password: str
    generation: str
    failures: int
    locked_until: datetime | None


def add(
    connection: Connection,
    name: str,
    hashed: str,
    roles: Collection[str],
    author: Author,
    *,
    models: Collection[str] | None = None,
) -> None:
    """Raises UserExists where there is such a user. Needs a write transaction."""
    rights = _rights(roles, models)
    row = {
        "name": name,
        "password": hashed,
        "generation": _generation(),
        "failures": 0,
        "created_at": datetime.now(UTC),
    }
    new = insert_into(users, connection.dialect.name).values(**row, **rights, created_by=author.actor)
    if connection.execute(new.on_conflict_do_nothing().returning(users.c.name)).first() is None:
        raise UserExists(f"There is a user {name!r} already.")
    events.record(connection, kinds.USER_ADDED, author, after={"name": name, **rights})


def remove(connection: Connection, name: str, author: Author) -> dict[str, Any]:
    """The user as it was. Raises UserUnknown. Needs a write transaction."""
    row = get(connection, name, lock=True)
    connection.execute(delete(users).where(users.c.name == name))
    before = {"name": name, **_rights(row["roles"], row["models"])}
    events.record(connection, kinds.USER_REMOVED, author, before=before)
    return row


def set_password(connection: Connection, name: str, hashed: str, author: Author) -> None:
    """A new password ends the sessions of the old one, and any lock. Raises UserUnknown. Needs a write transaction."""
    new = {"password": hashed, "generation": _generation(), "failures": 0, "locked_until": None}
    if not connection.execute(update(users).where(users.c.name == name).values(**new)).rowcount:
        raise _unknown(name)
    events.record(connection, kinds.USER_PASSWORD_CHANGED, author, after={"name": name})


def set_rights(
    connection: Connection, name: str, roles: Collection[str], models: Collection[str] | None, author: Author
) -> None:
    """What the user may from now on; sessions go on. Raises UserUnknown. Needs a write transaction."""
    row, new = get(connection, name, lock=True), _rights(roles, models)
    old = _rights(row["roles"], row["models"])
    if new == old:
        return
    connection.execute(update(users).where(users.c.name == name).values(**new))
    before, after = ({"name": name, **rights} for rights in (old, new))
    events.record(connection, kinds.USER_CHANGED, author, before=before, after=after)


def get(connection: Connection, name: str, *, lock: bool = False) -> dict[str, Any]:
    """The user, without the password; `lock`: until the transaction ends. Raises UserUnknown."""
    wanted = select(*_COLUMNS).where(users.c.name == name)
    row = connection.execute(wanted.with_for_update() if lock else wanted).mappings().first()
    if row is None:
        raise _unknown(name)
    return dict(row)


def listed(connection: Connection) -> list[dict[str, Any]]:
    """All users by name, without their passwords."""
    return [dict(row) for row in connection.execute(select(*_COLUMNS).order_by(users.c.name)).mappings()]


def known(connection: Connection) -> dict[str, KnownUser]:
    u = users.c
    rows = connection.execute(select(u.name, u.generation, u.roles, u.models))
    return {row.name: known_user(row.name, row.generation, row.roles, row.models) for row in rows}


def known_user(name: str, generation: str, roles: Collection[str], models: Collection[str] | None) -> KnownUser:
    bound = None if models is None else frozenset(models)
    return KnownUser(Identity(name, "user", frozenset(roles), bound, name), generation)


def account(connection: Connection, name: str) -> Account | None:
    u = users.c
    row = connection.execute(select(u.password, u.generation, u.failures, u.locked_until).where(u.name == name)).first()
    return None if row is None else Account(*row)


def succeeded(connection: Connection, name: str, *, rehashed: str | None) -> None:
    """Note a login; `rehashed` is the password under the parameters of now."""
    new: dict[str, Any] = {"failures": 0, "locked_until": None, "last_login_at": datetime.now(UTC)}
    connection.execute(
        update(users).where(users.c.name == name).values(**new, **({} if rehashed is None else {"password": rehashed}))
    )


def failed(connection: Connection, name: str, *, most: int, lock: float, address: str) -> None:
    """Note a failed login; the last of `most` locks the user for `lock` seconds, and counting begins anew."""
    u = users.c
    connection.execute(update(users).where(u.name == name).values(failures=u.failures + 1))
    if (connection.scalar(select(u.failures).where(u.name == name)) or 0) < most:
        return
    until = datetime.now(UTC) + timedelta(seconds=lock)
    connection.execute(update(users).where(u.name == name).values(failures=0, locked_until=until))
    after = {"name": name, "until": time_text(until)}
    events.record(connection, kinds.USER_LOCKED, Author(f"address:{address}", "failed logins"), after=after)


def _generation() -> str:
    return secrets.token_hex(8)


def _rights(roles: Collection[str], models: Collection[str] | None) -> dict[str, Any]:
    return {"roles": sorted(roles), "models": None if models is None else sorted(models)}


def _unknown(name: str) -> UserUnknown:
    return UserUnknown(f"There is no user {name!r}: the list of users shows them.")
