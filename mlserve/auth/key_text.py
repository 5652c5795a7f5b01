"""The text of an API key, `mls_<id>_<secret>`: made once, shown once, and never kept.

The secret is 256 random bits, so that nobody finds it by trying, and SHA-256 is hash enough: the slow, salted hashes
are for passwords, which people choose. A slow one here would cost every request.
"""

import hashlib
import re
import secrets
from typing import NamedTuple

MARK = "mls"
_ID_LENGTH = 12
_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_ID = re.compile(rf"[a-z0-9]{{{_ID_LENGTH}}}")
_TEXT = re.compile(rf"{MARK}_([a-z0-9]{{{_ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})")


class Given(NamedTuple):
    """What a caller sent: the key's id, and the digest of its secret in hexadecimal."""

    id: str
    digest: str


class NewKey(NamedTuple):
    """`text` is for its owner, the rest for the database."""

    text: str
    id: str
    digest: str


def new_key() -> NewKey:
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
    secret = secrets.token_urlsafe(32)
    return NewKey(f"{MARK}_{key_id}_{secret}", key_id, _digest(secret))


def read_key(text: str) -> Given | None:
    """None for what has not the form of a key."""
    found = _TEXT.fullmatch(text)
    return None if found is None else Given(found[1], _digest(found[2]))


def id_of(text: str) -> str | None:
    """The id that a text without a secret names, with or without the mark; None for what cannot be one."""
    key_id = text.removeprefix(f"{MARK}_")
    return key_id if _ID.fullmatch(key_id) else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
