"""The wire format of Protocol Buffers, read without a schema: enough to look at a file that is not trusted.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator, Sequence
from typing import Final

_VARINT: Final = 0
_FIXED64: Final = 1
_LENGTH: Final = 2
_FIXED32: Final = 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT: Final = 10  # bytes, of 7 bits each

Value = int | memoryview


class Message:
    """One message: its fields by number, in the order in which they come. Raises ValueError where it is none."""

    __slots__ = ("_fields",)

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[Value]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def messages(self, number: int) -> Iterator["Message"]:
        for data in self.data(number):
            yield Message(data)

    def message(self, number: int) -> "Message | None":
        """The one message of a field. Twice, readers would merge them, and what was looked at is not what is read."""
        found = self.data(number)
        if len(found) > 1:
            raise ValueError(f"its field {number} is there twice")
        return Message(found[0]) if found else None

    def texts(self, number: int) -> list[str]:
        return [str(data, "utf-8") for data in self.data(number)]

    def text(self, number: int) -> str:
        """A text, "" where it is not there; of several the last counts."""
        return (self.texts(number) or [""])[-1]

    def integer(self, number: int) -> int:
        """A signed number, 0 where it is not there; of several the last counts."""
        return (self.integers(number) or [0])[-1]

    def integers(self, number: int) -> list[int]:
        """All numbers of a field, packed or not."""
        found: list[int] = []
        for value in self._fields.get(number, ()):
            if isinstance(value, int):
                found.append(value)
            else:
                found += _packed(value)
        return [value - (1 << 64) if value >= 1 << 63 else value for value in found]

    def values(self, number: int) -> Sequence[Value]:
        return self._fields.get(number, ())

    def data(self, number: int) -> Sequence[memoryview]:
        found = self._fields.get(number, ())
        if any(isinstance(value, int) for value in found):
            raise ValueError(f"its field {number} is of another kind")
        return found  # type: ignore[return-value] # None of them is a number.


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise ValueError("a field has no number")
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _LENGTH:
            size, at = _varint(data, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise ValueError(f"a field is of the unknown kind {kind}")
        if size > end - at:
            raise ValueError("it is cut short")
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = 0
    for place in range(_LONGEST_VARINT):
        if at + place >= len(data):
            raise ValueError("it is cut short")
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & (1 << 64) - 1, at + place + 1
    raise ValueError("a number is longer than 64 bits")


def _packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value
