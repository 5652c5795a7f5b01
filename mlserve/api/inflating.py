"""Bodies that come compressed: undone no further than a limit, whatever they would become."""

import zlib
from typing import Any

from mlserve.api.negotiation import read_body, too_large
from mlserve.errors import LengthRequired, Unreadable, UnsupportedMediaType

# What zlib is told to expect: a gzip member, a zlib stream, or bare deflate, which some clients call by the same name.
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# What zlib is given at once, in bytes: it copies what follows a member. And how many members a body may have: to begin
# one costs more than to read it.
_PIECE, _MEMBERS = 1 << 14, 1000
# What a server says, in the environ, of a body that may have broken off: it cannot tell such an end from a right one.
END_UNPROVED = "mlserve.end_unproved"


def read_inflated(environ: dict[str, Any], limit: int, *, open_ended: bool = False) -> bytes:
    """The whole body as it was before its Content-Encoding; neither form has more than `limit` bytes.

    `open_ended` says that its form has no end of its own, as a CSV has none: it must have one otherwise.
    Raises TooLarge, UnsupportedMediaType for another encoding than gzip and deflate, LengthRequired, and Unreadable for
    a body that is not what it says or ends early.
    """
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding in ("", "identity"):
        if open_ended and END_UNPROVED in environ:
            raise LengthRequired(
                "Send the table's length (Content-Length), or compress it: where its chunks end cannot be proved."
            )
        return read_body(environ, limit)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedMediaType(f"The body is encoded as {encoding!r}; send it as it is, or as gzip or deflate.")
    body = read_body(environ, limit)
    try:
        return _members(body, limit) if encoding != "deflate" else _stream(body, limit)
    except zlib.error as error:
        raise Unreadable(f"The body is not {encoding}: {error}.") from error


def _members(body: bytes, limit: int) -> bytes:
    """A gzip file may have several members, one after the other."""
    found: list[bytes] = []
    at, left = 0, limit
    while at < len(body):
        if len(found) == _MEMBERS:
            raise Unreadable(f"The body has more than {_MEMBERS:,} gzip members: send it as one.")
        part, at = _undone(body, at, _GZIP, left, limit)
        found.append(part)
        left -= len(part)
    return b"".join(found)


def _stream(body: bytes, limit: int) -> bytes:
    if not body:
        return b""
    try:
        found, end = _undone(body, 0, _ZLIB, limit, limit)
    except zlib.error:
        found, end = _undone(body, 0, _BARE, limit, limit)
    if end < len(body):
        raise Unreadable("Something follows the compressed body.")
    return found


def _undone(body: bytes, start: int, kind: int, left: int, limit: int) -> tuple[bytes, int]:
    """What the stream that begins at `start` holds, at most `left` bytes, and where it ends.

    Raises TooLarge, Unreadable, zlib.error.
    """
    stream, view, at = zlib.decompressobj(kind), memoryview(body), start
    found = []
    while not stream.eof:
        if at == len(body):
            raise Unreadable("The compressed body ends early.")
        piece = view[at : at + _PIECE]
        part = stream.decompress(piece, left + 1)
        if len(part) > left:
            raise too_large(limit)
        found.append(part)
        left -= len(part)
        at += len(piece)
    return b"".join(found), at - len(stream.unused_data)
