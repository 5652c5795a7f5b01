"""Answers compressed as the caller asks for."""

import gzip
import zlib
from typing import Final

# Fast: what is spared on the wire must not be lost here.
_LEVEL: Final = 1
_ENCODINGS: Final = ("gzip", "deflate")


def encoding_for(accept: str | None) -> str | None:
    """The encoding that an Accept-Encoding header likes best of gzip and deflate; None: as it is."""
    if not accept:
        return None
    found: dict[str, float] = {}
    for item in accept.lower().split(","):
        name, _, parameters = item.partition(";")
        found[name.strip()] = _quality(parameters)
    likes = {name: found.get(name, found.get("*", 0.0)) for name in _ENCODINGS}
    best = max(_ENCODINGS, key=lambda name: likes[name])
    return best if likes[best] > 0 and likes[best] >= found.get("identity", 0.0) else None


def encoded(body: bytes, encoding: str) -> bytes:
    """gzip, or deflate as HTTP means it: a zlib stream."""
    if encoding == "gzip":
        return gzip.compress(body, _LEVEL, mtime=0)
    return zlib.compress(body, _LEVEL)


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
