"""API keys in the database: made, listed, revoked. Each change is an event in the same transaction."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, or_, select, update

from mlserve import events
from mlserve.api.times import time_text
from mlserve.auth.identity import Identity
from mlserve.auth.key_text import MARK, new_key, read_key
from mlserve.auth.tables import api_keys
from mlserve.errors import KeyUnknown
from mlserve.events import Author, kinds

_COLUMNS = [column for column in api_keys.c if column.name != "digest"]


class MadeKey(NamedTuple):
    """`text` is for its owner, and nobody can tell it again."""

    text: str
    id: str


class KnownKey(NamedTuple):
    """A key that works now, until `expires_at` (seconds since 1970; infinite without an end)."""

    identity: Identity
    expires_at: float


def create(
    connection: Connection,
    name: str,
    roles: Collection[str],
    author: Author,
    *,
    models: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> MadeKey:
    """Make a key. `models` None: of all models. Needs a write transaction."""
    key = new_key()
    row = {
        "id": key.id,
        "name": name,
        "roles": sorted(roles),
        "models": None if models is None else sorted(models),
        "created_at": datetime.now(UTC),
        "created_by": author.actor,
        "expires_at": expires_at,
    }
    connection.execute(insert(api_keys).values(digest=key.digest, **row))
    events.record(connection, kinds.KEY_CREATED, author, after=_told(row))
    return MadeKey(key.text, key.id)


def revoke(connection: Connection, key: str, author: Author) -> list[str]:
    """Revoke the key of that id or text, or all of that name; the ids. Raises KeyUnknown where none works.

    Needs a write transaction.
    """
    given = read_key(key)
    key_id = key.removeprefix(f"{MARK}_") if given is None else given.id
    k = api_keys.c
    ids = list(connection.scalars(select(k.id).where(or_(k.id == key_id, k.name == key), k.revoked_at.is_(None))))
    if not ids:
        named = f"{MARK}_{key_id}" if given is not None else key
        raise KeyUnknown(f"There is no key {named!r} that works: `mlserve keys list` shows them.")
    for one in ids:
        revoke_one(connection, one, author)
    return ids


def revoke_one(connection: Connection, key_id: str, author: Author) -> None:
    """Revoke the key of that id; one that was revoked before stays as it is. Raises KeyUnknown.

    Needs a write transaction.
    """
    row = get(connection, key_id, lock=True)
    if row["revoked_at"] is not None:
        return
    new = {"revoked_at": datetime.now(UTC), "revoked_by": author.actor}
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(**new))
    events.record(connection, kinds.KEY_REVOKED, author, before=_told(row))


def get(connection: Connection, key_id: str, *, lock: bool = False) -> dict[str, Any]:
    """The key of that id, without its digest; `lock`: until the transaction ends. Raises KeyUnknown."""
    wanted = select(*_COLUMNS).where(api_keys.c.id == key_id)
    row = connection.execute(wanted.with_for_update() if lock else wanted).mappings().first()
    if row is None:
        raise KeyUnknown("There is no key of this id.")
    return dict(row)


def listed(connection: Connection) -> list[dict[str, Any]]:
    """All keys, revoked ones too, the newest first; the digest is left out."""
    return [
        dict(row) for row in connection.execute(select(*_COLUMNS).order_by(api_keys.c.created_at.desc())).mappings()
    ]


def known(connection: Connection) -> dict[str, KnownKey]:
    """The keys that work, by digest."""
    k = api_keys.c
    query = select(k.id, k.name, k.digest, k.roles, k.models, k.expires_at).where(k.revoked_at.is_(None))
    return {
        row.digest: known_key(row.id, row.name, row.roles, row.models, row.expires_at)
        for row in connection.execute(query)
    }


def known_key(
    key_id: str, name: str, roles: Collection[str], models: Collection[str] | None, expires_at: datetime | None
) -> KnownKey:
    caller = Identity(name, "key", frozenset(roles), None if models is None else frozenset(models), key_id)
    return KnownKey(caller, float("inf") if expires_at is None else expires_at.timestamp())


def used(connection: Connection, times: dict[str, float]) -> None:
    """Note when keys were last used, by id, in seconds since 1970; what is older than known changes nothing."""
    k = api_keys.c
    for key_id, seconds in sorted(times.items()):
        moment = datetime.fromtimestamp(seconds, UTC)
        older = or_(k.last_used_at.is_(None), k.last_used_at < moment)
        connection.execute(update(api_keys).where(k.id == key_id, older).values(last_used_at=moment))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """What an event says of a key."""
    expires = row["expires_at"]
    return {
        "id": row["id"],
        "name": row["name"],
        "roles": row["roles"],
        "models": row["models"],
        "expires_at": None if expires is None else time_text(expires),
    }
