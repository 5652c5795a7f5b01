"""FlatBuffers as Arrow's messages have them: tables that are read where they lie, each offset checked.

Whatever leads out of the bytes raises `struct.error`, or Unreadable.
"""

from collections.abc import Iterator
from struct import Struct, unpack_from
from typing import Any, Final, Self

from mlserve.errors import Unreadable

BYTE: Final = Struct("<B")
SHORT: Final = Struct("<h")
INT: Final = Struct("<i")
LONG: Final = Struct("<q")
_OFFSET = Struct("<I")
_SLOT = Struct("<H")


class Table:
    """One table in `data`; its fields are asked for by their place in the format's schema, from 0."""

    __slots__ = ("_at", "_data", "_places", "_size")

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._places = at - INT.unpack_from(data, at)[0]
        if self._places < 0:
            raise Unreadable("The Arrow stream is damaged: a table lies before its message.")
        self._size: int = _SLOT.unpack_from(data, self._places)[0]

    @classmethod
    def root(cls, data: bytes) -> Self:
        """The table that a message begins with."""
        return cls(data, _OFFSET.unpack_from(data, 0)[0])

    def _place(self, field: int) -> int:
        """Where a field's value is; 0 where the table has none."""
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return 0
        found: int = _SLOT.unpack_from(self._data, self._places + slot)[0]
        return found and self._at + found

    def number(self, field: int, kind: Struct, default: int = 0) -> int:
        place = self._place(field)
        return kind.unpack_from(self._data, place)[0] if place else default

    def table(self, field: int) -> "Table | None":
        place = self._place(field)
        return Table(self._data, self._led_to(place)) if place else None

    def text(self, field: int) -> str:
        """The text, empty where there is none. Raises Unreadable where it is not UTF-8."""
        place = self._place(field)
        if not place:
            return ""
        start = self._led_to(place)
        (length,) = _OFFSET.unpack_from(self._data, start)
        (raw,) = unpack_from(f"{length}s", self._data, start + 4)
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable("The Arrow stream is damaged: a name is not UTF-8.") from error

    def tables(self, field: int) -> Iterator["Table"]:
        """The tables of a vector."""
        place = self._place(field)
        if place:
            start = self._led_to(place)
            (count,) = _OFFSET.unpack_from(self._data, start)
            for at in range(start + 4, start + 4 + 4 * count, 4):
                yield Table(self._data, self._led_to(at))

    def longs(self, field: int, each: int = 1) -> tuple[Any, ...]:
        """The 64-bit numbers of a vector of structs, `each` of which has that many."""
        place = self._place(field)
        if not place:
            return ()
        start = self._led_to(place)
        (count,) = _OFFSET.unpack_from(self._data, start)
        if 8 * each * count > len(self._data):  # Before a format of that length is made.
            raise Unreadable("The Arrow stream is damaged: a list is longer than its message.")
        return unpack_from(f"<{each * count}q", self._data, start + 4)

    def _led_to(self, place: int) -> int:
        leads: int = _OFFSET.unpack_from(self._data, place)[0]
        return place + leads
