"""FlatBuffers, built: a table is a dict of values by their places in the format's schema."""

from collections.abc import Mapping, Sequence
from struct import pack, pack_into
from typing import Any, NamedTuple

from mlserve.arrow.flat import BYTE, INT, LONG, SHORT


class Scalar(int):
    """A number that stands in its table."""

    kind = INT


class Byte(Scalar):
    kind = BYTE


class Short(Scalar):
    kind = SHORT


class Int(Scalar):
    kind = INT


class Long(Scalar):
    kind = LONG


class Longs(NamedTuple):
    """A vector of structs of `each` 64-bit numbers."""

    each: int
    numbers: Sequence[int]


Value = Any  # Scalar | Longs | str | Sequence[Value] | Mapping[int, Value], of which mypy can make no type


def built(root: Mapping[int, Value]) -> bytes:
    """The bytes of a buffer whose root is that table, padded to a multiple of eight."""
    out = bytearray(4)
    pack_into("<I", out, 0, _put(out, root))
    return bytes(out) + bytes(-len(out) % 8)


def _put(out: bytearray, value: Value) -> int:
    """Append a value that is referred to; where it begins."""
    if isinstance(value, str):
        raw = value.encode()
        at = _aligned(out, 4)
        out += pack("<I", len(raw)) + raw + b"\0"
        return at
    if isinstance(value, Longs):
        at = _aligned(out, 8, 4)
        out += pack(f"<I{len(value.numbers)}q", len(value.numbers) // value.each, *value.numbers)
        return at
    if isinstance(value, Mapping):
        return _put_table(out, value)
    at = _aligned(out, 4)
    out += pack("<I", len(value)) + bytes(4 * len(value))
    for place, item in enumerate(value):
        _refer(out, at + 4 + 4 * place, item)
    return at


def _put_table(out: bytearray, fields: Mapping[int, Value]) -> int:
    """A table behind the list of the places of its fields, the widest of which come first."""
    widths = {slot: value.kind.size if isinstance(value, Scalar) else 4 for slot, value in fields.items()}
    places = [0] * (max(fields, default=-1) + 1)
    size = 4
    for slot in sorted(fields, key=lambda slot: -widths[slot]):
        size += -size % widths[slot]
        places[slot] = size
        size += widths[slot]
    listed = 4 + 2 * len(places)
    start = _aligned(out, 8, listed)
    out += pack(f"<{2 + len(places)}H", listed, size, *places)
    at = len(out)
    out += pack("<i", at - start) + bytes(size - 4)
    for slot, value in fields.items():
        if isinstance(value, Scalar):
            value.kind.pack_into(out, at + places[slot], value)
        else:
            _refer(out, at + places[slot], value)
    return at


def _refer(out: bytearray, place: int, value: Value) -> None:
    pack_into("<I", out, place, _put(out, value) - place)


def _aligned(out: bytearray, to: int, before: int = 0) -> int:
    """Pad so that what comes `before` bytes later begins at a multiple of `to`; where that padding ends."""
    out += bytes(-(len(out) + before) % to)
    return len(out)
