"""API keys in the database: made, listed, revoked. Each change is an event in the same transaction."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, or_, select, update

from mlserve.auth.identity import Identity
from mlserve.auth.key_text import MARK, new_key
from mlserve.auth.tables import api_keys
from mlserve.errors import Invalid
from mlserve.registry import events


class KnownKey(NamedTuple):
    """A key that works now, until `expires_at` (seconds since 1970; infinite without an end)."""

    identity: Identity
    expires_at: float


def create(
    connection: Connection,
    name: str,
    roles: Collection[str],
    *,
    models: Collection[str] | None = None,
    expires_at: datetime | None = None,
    actor: str,
) -> str:
    """Make a key; its text, which nobody can tell again. `models` None: of all models. Needs a write transaction."""
    key = new_key()
    row = {
        "id": key.id,
        "name": name,
        "roles": sorted(roles),
        "models": None if models is None else sorted(models),
        "created_at": datetime.now(UTC),
        "created_by": actor,
        "expires_at": expires_at,
    }
    connection.execute(insert(api_keys).values(digest=key.digest, **row))
    events.record(connection, kind="key_created", actor=actor, after=_told(row))
    return key.text


def revoke(connection: Connection, name_or_id: str, *, actor: str, reason: str = "") -> list[str]:
    """Revoke the key of that id, or all of that name; the ids. Raises Invalid where none works. Needs a write
    transaction."""
    k = api_keys.c
    identity = name_or_id.removeprefix(f"{MARK}_")
    wanted = select(api_keys).where(or_(k.id == identity, k.name == name_or_id), k.revoked_at.is_(None))
    rows = [dict(row) for row in connection.execute(wanted.with_for_update()).mappings()]
    if not rows:
        raise Invalid(f"There is no key {name_or_id!r} that works: `mlserve keys list` shows them.")
    now = datetime.now(UTC)
    for row in rows:
        connection.execute(update(api_keys).where(k.id == row["id"]).values(revoked_at=now, revoked_by=actor))
        events.record(connection, kind="key_revoked", actor=actor, reason=reason, before=_told(row))
    return [row["id"] for row in rows]


def listed(connection: Connection) -> list[dict[str, Any]]:
    """All keys, revoked ones too, the newest first; the digest is left out."""
    columns = [column for column in api_keys.c if column.name != "digest"]
    return [dict(row) for row in connection.execute(select(*columns).order_by(api_keys.c.created_at.desc())).mappings()]


def known(connection: Connection) -> dict[str, KnownKey]:
    """The keys that work, by digest."""
    k = api_keys.c
    query = select(k.id, k.name, k.digest, k.roles, k.models, k.expires_at).where(k.revoked_at.is_(None))
    return {
        row.digest: known_key(row.id, row.name, row.roles, row.models, row.expires_at)
        for row in connection.execute(query)
    }


def known_key(
    identity: str, name: str, roles: Collection[str], models: Collection[str] | None, expires_at: datetime | None
) -> KnownKey:
    caller = Identity(name, "key", frozenset(roles), None if models is None else frozenset(models), identity)
    return KnownKey(caller, float("inf") if expires_at is None else expires_at.timestamp())


def used(connection: Connection, times: dict[str, float]) -> None:
    """Note when keys were last used, by id, in seconds since 1970; what is older than known changes nothing."""
    k = api_keys.c
    for identity, seconds in sorted(times.items()):
        moment = datetime.fromtimestamp(seconds, UTC)
        older = or_(k.last_used_at.is_(None), k.last_used_at < moment)
        connection.execute(update(api_keys).where(k.id == identity, older).values(last_used_at=moment))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """What an event says of a key."""
    expires = row["expires_at"]
    return {
        "id": row["id"],
        "name": row["name"],
        "roles": row["roles"],
        "models": row["models"],
        "expires_at": None if expires is None else expires.isoformat(),
    }
