"""This host's copy of the keys and users: with it a server starts and lets callers in while the database is down.

`access.json` in the var folder, readable by its owner only. It holds digests of keys and no password: what it says of a
user keeps a session going, and a login needs the database.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from mlserve import private_file
from mlserve.auth.keys import KnownKey, known_key
from mlserve.auth.users import KnownUser, known_user

FORMAT = 1


class Seen(NamedTuple):
    """Keys by digest and users by name, as they are or were in the database."""

    keys: Mapping[str, KnownKey]
    users: Mapping[str, KnownUser]


class _Key(msgspec.Struct):
    id: str
    name: str
    roles: list[str]
    models: list[str] | None
    expires_at: float | None


class _User(msgspec.Struct):
    generation: str
    roles: list[str]
    models: list[str] | None


class _Content(msgspec.Struct):
    format: int
    keys: dict[str, _Key] = {}
    users: dict[str, _User] = {}


def write(path: Path, seen: Seen) -> None:
    """Raises OSError."""
    keys = {
        digest: _Key(
            key.identity.id,
            key.identity.name,
            *_rights(key),
            None if key.expires_at == float("inf") else key.expires_at,
        )
        for digest, key in seen.keys.items()
    }
    users = {name: _User(user.generation, *_rights(user)) for name, user in seen.users.items()}
    private_file.replace(path, msgspec.json.encode(_Content(FORMAT, keys, users)))


def read(path: Path) -> Seen | None:
    """None where there is none that can be read: then nobody is let in until the database is back."""
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if content.format != FORMAT:
        return None
    keys = {
        digest: known_key(key.id, key.name, key.roles, key.models, _time(key.expires_at))
        for digest, key in content.keys.items()
    }
    users = {name: known_user(name, user.generation, user.roles, user.models) for name, user in content.users.items()}
    return Seen(keys, users)


def _rights(known: KnownKey | KnownUser) -> tuple[list[str], list[str] | None]:
    identity = known.identity
    return sorted(identity.roles), None if identity.models is None else sorted(identity.models)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
