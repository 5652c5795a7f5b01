"""FlatBuffers, read by the numbers of their fields: enough to look at a file that is not trusted.

Whatever lies outside of the buffer raises ValueError. Source: https://flatbuffers.dev/internals/
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

# Vectors and tables may be pointed to from many places, so that a small file can hold very much: each is read in full.
_MOST_ITEMS: Final = 1_000_000  # of a vector of tables
_MOST_NUMBERS: Final = 1_000  # of a vector of scalars
_LONGEST: Final = 100_000  # bytes of a text


class Table:
    """A table at a place of the buffer. Its fields count from 0, in the order of the schema."""

    __slots__ = ("_data", "_fields", "_size", "_start")

    def __init__(self, data: memoryview, start: int) -> None:
        self._data, self._start = data, start
        back = _unpack("<i", data, start)
        self._fields = start - back
        self._size = _unpack("<H", data, self._fields)

    @classmethod
    def root(cls, data: memoryview, identifier: bytes = b"") -> "Table":
        if identifier and bytes(data[4:8]) != identifier:
            raise ValueError(f"it does not bear the mark {identifier.decode()}")
        return cls(data, _unpack("<I", data, 0))

    def number(self, field: int, form: str, default: float = 0) -> int:
        """A scalar, by its `struct` format: b B h H i I q Q."""
        at = self._at(field)
        return int(default) if at is None else int(_unpack("<" + form, self._data, at))

    def table(self, field: int) -> "Table | None":
        at = self._at(field)
        return None if at is None else Table(self._data, self._follow(at))

    def text(self, field: int) -> str:
        """A text, "" where there is none."""
        data = self.data(field)
        if len(data) > _LONGEST:
            raise ValueError("a text is too long")
        return str(data, "utf-8")

    def data(self, field: int) -> memoryview:
        """A vector of bytes."""
        at = self._at(field)
        return self._data[:0] if at is None else self._bytes(self._follow(at))

    def numbers(self, field: int, form: str) -> Sequence[float]:
        """A vector of scalars."""
        at = self._at(field)
        if at is None:
            return ()
        start, count = self._vector(self._follow(at))
        size = struct.calcsize(form)
        if count * size > len(self._data) - start:
            raise ValueError("a vector is cut short")
        if count > _MOST_NUMBERS:
            raise ValueError("a vector is too long")
        return struct.unpack_from(f"<{count}{form}", self._data, start)

    def count(self, field: int) -> int:
        """How many items a vector says that it has."""
        at = self._at(field)
        return 0 if at is None else self._vector(self._follow(at))[1]

    def tables(self, field: int, most: int = _MOST_ITEMS) -> "Iterator[Table]":
        """A vector of at most so many tables."""
        at = self._at(field)
        if at is None:
            return
        start, count = self._vector(self._follow(at))
        if count > most:
            raise ValueError("a vector is too long")
        for place in range(start, start + 4 * count, 4):
            yield Table(self._data, self._follow(place))

    def _at(self, field: int) -> int | None:
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return None
        offset = _unpack("<H", self._data, self._fields + entry)
        return self._start + offset if offset else None

    def _follow(self, at: int) -> int:
        return at + _unpack("<I", self._data, at)

    def _vector(self, at: int) -> tuple[int, int]:
        return at + 4, _unpack("<I", self._data, at)

    def _bytes(self, at: int) -> memoryview:
        start, size = self._vector(at)
        if size > len(self._data) - start:
            raise ValueError("a text is cut short")
        return self._data[start : start + size]


def _unpack(form: str, data: memoryview, at: int) -> int:
    if at < 0:
        raise ValueError("it points before its beginning")
    try:
        (value,) = struct.unpack_from(form, data, at)
    except struct.error as error:
        raise ValueError("it points beyond its end") from error
    found: int = value
    return found
