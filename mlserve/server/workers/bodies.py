"""The bodies that come to a worker: how many are on their way at once, and how many bytes they may have together.

granian reads a body in the thread that asks for it, for as long as the client takes. Whoever reads one is counted,
whatever the address: some threads are left that no body may take, and no client's key has been looked at by then.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from mlserve.errors import Busy
from mlserve.turns import TOO_MANY

# So many bodies may be on their way at once. A thread that waits for one costs little else.
READERS = 256
# A body of this size is not counted by its bytes, and finds room though large ones have taken all.
SMALL = 64 * 1024
# What the larger ones may have together, in bytes, while they come and until they are answered; or as much as so many
# of the largest, where that is more.
ROOM, LARGEST = 256 * 1024 * 1024, 4


class Bodies:
    """Of one worker; each body has `limit` bytes at most, unless it is read in pieces."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._room = max(ROOM, LARGEST * limit)
        self._coming = 0  # bytes of large bodies that are on their way
        self._here = 0  # and of those that have come
        self._lock = threading.Lock()
        self._reading: set[int] = set()  # by thread, since a set changes in one step

    @property
    def is_crowded(self) -> bool:
        """Whether many threads wait for bodies, or large ones leave little room for others while they come."""
        return 2 * len(self._reading) > READERS or 2 * self._coming > self._room

    def whole(self, source: Any, length: int | None) -> tuple[bytes, int]:
        """A body of so many bytes, None where nobody knows; and how many of them to `leave` when it is answered.

        It has one byte more than the limit where it is too long, which is for the application to refuse. Raises Busy.
        """
        if length is not None and length <= SMALL:
            return self.reading(source.read, self.limit + 1), 0
        taken, body = self.take(self.limit if length is None else length), b""
        try:
            body = self.reading(source.read, self.limit + 1)
        finally:
            held = self.settle(taken, len(body) if len(body) > SMALL else 0)
        return body, held

    def reading(self, read: Callable[[int], bytes], size: int) -> bytes:
        """What is read. Raises Busy where too many others are."""
        thread = threading.get_ident()
        self._reading.add(thread)
        try:
            if len(self._reading) > READERS:
                raise _busy()
            return read(size)
        finally:
            self._reading.discard(thread)

    def take(self, length: int) -> int:
        """Room for a large body that is about to come, to be settled or given back. Raises Busy."""
        with self._lock:
            if self._coming + self._here + length > self._room:
                raise _busy()
            self._coming += length
        return length

    def settle(self, taken: int, length: int) -> int:
        """So much of it has come, and is to be given back by `leave`: the rest is for others."""
        with self._lock:
            self._coming -= taken
            self._here += length
        return length

    def leave(self, length: int) -> None:
        with self._lock:
            self._here -= length


class Counted:
    """`wsgi.input` for an application that may read it or not: counted while it is read, until it is `done`.

    A body larger than the limit comes in pieces to a file, and takes no room. Reading raises Busy.
    """

    def __init__(self, source: Any, bodies: Bodies, length: int | None) -> None:
        """`length` is None where nobody knows it."""
        self._source = source
        self._bodies = bodies
        self._wants = bodies.limit if length is None else length if SMALL < length <= bodies.limit else 0
        self._held = 0

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._source.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._counted(self._source.readline, size)

    def readlines(self, hint: int = -1) -> list[bytes]:
        return [*self]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def done(self) -> None:
        if self._held:
            self._bodies.leave(self._held)

    def _counted(self, read: Callable[[int], bytes], size: int) -> bytes:
        if not self._wants:
            return self._bodies.reading(read, size)
        taken, self._wants = self._bodies.take(self._wants), 0
        try:
            return self._bodies.reading(read, size)
        finally:
            self._held = self._bodies.settle(taken, taken)


def length_of(environ: dict[str, Any]) -> int | None:
    """How many bytes the request says that its body has; None where it comes in chunks.

    More than any limit where it says no number that Python reads, which is for the application to refuse.
    """
    declared = environ.get("CONTENT_LENGTH")
    if not declared:
        return None if "HTTP_TRANSFER_ENCODING" in environ else 0
    try:
        return int(declared)
    except ValueError:
        return sys.maxsize


def _busy() -> Busy:
    return Busy(TOO_MANY, retry_after=1)
