"""Canonical JSON and digests: what makes a bundle's name follow from its content."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import rfc8785

from mlserve.errors import BundleError

_EXACT: Final = 2**53
# Values, and what is escaped in texts, are read one by one, so that their number bounds how long it takes.
# A model of 15,000 numbers with a baseline has as many.
MOST_PARTS: Final = 1_000_000


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value, as RFC 8785 defines it (JSON Canonicalization Scheme).

    Its numbers are IEEE 754 doubles: -0.0 becomes 0. BundleError for what it has no text for: NaN and infinities,
    whole numbers that no double holds, lone surrogates, keys and values of other types.
    """
    try:
        return rfc8785.dumps(_doubles(value))
    except (RecursionError, AttributeError, TypeError, ValueError) as error:
        raise BundleError(f"This cannot be written as canonical JSON (RFC 8785): {error}.") from error


def from_canonical(text: bytes) -> Any:
    """The value of a text that `canonical_json` wrote; BundleError for any other text, duplicate keys included.

    Also for one of more than MOST_PARTS, before any of it is read.
    """
    parts = sum(text.count(sign) for sign in (b",", b"[", b"{", b"\\"))
    if parts > MOST_PARTS:
        raise BundleError(f"This JSON has {parts:,} commas, brackets and backslashes, and may have {MOST_PARTS:,}.")
    try:
        value = _doubles(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError, TypeError, ValueError) as error:
        raise BundleError(f"This is not JSON as RFC 8785 has it: {error}.") from error
    if canonical_json(value) != text:
        raise BundleError("This JSON is not in the canonical form of RFC 8785.")
    return value


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes in lower-case hex; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _doubles(value: Any) -> Any:
    """Plain JSON types, with whole numbers beyond 2^53 as the doubles that they are in canonical JSON.

    A double such as 1e17 is written with all its digits, and would otherwise be read back as an int that RFC 8785
    refuses. TypeError for an int that no double equals, and is not the canonical text of one either.
    """
    if isinstance(value, Mapping):
        return {key: _doubles(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_doubles(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT:
        return _double(value)
    return value


def _double(value: int) -> float:
    try:
        double = float(value)
    except OverflowError:
        double = 0.0
    if int(double) != value and rfc8785.dumps(double) != str(value).encode():
        raise TypeError(f"{str(value)[:40]} is a whole number beyond 2^53 that no double equals")
    return double
