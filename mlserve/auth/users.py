"""Users in the database: added, listed, removed, and what their logins leave. Each change is an event."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from mlserve.auth.identity import Identity
from mlserve.auth.tables import users
from mlserve.errors import Invalid
from mlserve.registry import events


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
    *,
    models: Collection[str] | None = None,
    actor: str,
) -> None:
    """Raises Invalid where there is such a user. Needs a write transaction."""
    if account(connection, name) is not None:
        raise Invalid(f"There is a user {name!r} already.")
    rights = {"roles": sorted(roles), "models": None if models is None else sorted(models)}
    now = datetime.now(UTC)
    row = {"name": name, "password": hashed, "generation": _generation(), "failures": 0, "created_at": now}
    connection.execute(insert(users).values(**row, **rights, created_by=actor))
    events.record(connection, kind="user_added", actor=actor, after={"name": name, **rights})


def remove(connection: Connection, name: str, *, actor: str) -> None:
    """Raises Invalid where there is no such user. Needs a write transaction."""
    u = users.c
    row = connection.execute(select(u.roles, u.models).where(u.name == name)).first()
    if row is None:
        raise _unknown(name)
    connection.execute(delete(users).where(u.name == name))
    before = {"name": name, "roles": row.roles, "models": row.models}
    events.record(connection, kind="user_removed", actor=actor, before=before)


def set_password(connection: Connection, name: str, hashed: str, *, actor: str) -> None:
    """A new password ends the sessions of the old one, and any lock. Raises Invalid. Needs a write transaction."""
    new = {"password": hashed, "generation": _generation(), "failures": 0, "locked_until": None}
    if not connection.execute(update(users).where(users.c.name == name).values(**new)).rowcount:
        raise _unknown(name)
    events.record(connection, kind="user_password_changed", actor=actor, after={"name": name})


def listed(connection: Connection) -> list[dict[str, Any]]:
    """All users by name, without their passwords."""
    columns = [column for column in users.c if column.name not in ("password", "generation")]
    return [dict(row) for row in connection.execute(select(*columns).order_by(users.c.name)).mappings()]


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
    after = {"name": name, "until": until.isoformat()}
    events.record(connection, kind="user_locked", actor=f"address:{address}", reason="failed logins", after=after)


def _generation() -> str:
    return secrets.token_hex(8)


def _unknown(name: str) -> Invalid:
    return Invalid(f"There is no user {name!r}: `mlserve users list` shows them.")
