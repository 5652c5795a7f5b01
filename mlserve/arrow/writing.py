"""A stream of one record batch, written."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlserve.arrow import kinds
from mlserve.arrow.building import Byte, Int, Long, Longs, Short, Value, built

_V5: Final = 4
_SCHEMA, _BATCH = 1, 3
_CONTINUES = b"\xff\xff\xff\xff"
_PRECISION = {2: 0, 4: 1, 8: 2}

ANY_SIZE: Final = -1
TEXT: Final = "text"
BYTES: Final = "bytes"
_TEXTS = {TEXT: kinds.UTF8, BYTES: kinds.BINARY}


class Column(NamedTuple):
    """One column of n rows, each of which is a tensor of `shape`, or one value where that is empty.

    `values` are n * prod(shape): an array of numbers or truth values, or a list of `kind` TEXT or BYTES, of str or
    bytes or None. `missing` (n,) says which rows are null. Where a size of the shape is -1, `sizes` are those of each
    row. `metadata` stands beside the column's type.
    """

    name: str
    values: NDArray[Any] | Sequence[Any]
    shape: tuple[int, ...] = ()
    kind: str | None = None
    missing: NDArray[np.bool_] | None = None
    sizes: Sequence[tuple[int, ...]] | None = None
    metadata: Mapping[str, str] = {}


def stream_of(columns: Sequence[Column], n: int, metadata: Mapping[str, str]) -> bytes:
    """The bytes of the stream: a schema with its metadata, one record batch of `n` rows, and the mark of the end."""
    fields: list[Value] = [_field(column) for column in columns]
    schema = {1: fields, 2: _pairs(metadata)}
    body = _Body()
    for column in columns:
        body.add(column, n)
    batch = {0: Long(n), 1: Longs(2, body.nodes), 2: Longs(2, body.buffers)}
    return b"".join(
        [
            _message(_SCHEMA, schema, 0),
            _message(_BATCH, batch, body.size),
            *body.pieces,
            _CONTINUES + bytes(4),
        ]
    )


def _message(kind: int, header: dict[int, Value], size: int) -> bytes:
    metadata = built({0: Short(_V5), 1: Byte(kind), 2: header, 3: Long(size)})
    return _CONTINUES + len(metadata).to_bytes(4, "little") + metadata


def _field(column: Column) -> dict[int, Value]:
    kind, about = _type(column)
    field: dict[int, Value] = {0: "item", 1: Byte(1), 2: Byte(kind), 3: about, 5: []}
    for size in reversed(column.shape):
        kind, about = (kinds.LIST, {}) if size == ANY_SIZE else (kinds.FIXED_SIZE_LIST, {0: Int(size)})
        field = {0: "item", 1: Byte(1), 2: Byte(kind), 3: about, 5: [field]}
    return {**field, 0: column.name, 6: _pairs(column.metadata)}


def _type(column: Column) -> tuple[int, dict[int, Value]]:
    """The number of the type, and the table that says more of it."""
    if column.kind is not None:
        return _TEXTS[column.kind], {}
    dtype = np.asarray(column.values).dtype
    if dtype.kind == "b":
        return kinds.BOOL, {}
    if dtype.kind == "f":
        return kinds.FLOAT, {0: Short(_PRECISION[dtype.itemsize])}
    return kinds.INT, {0: Int(8 * dtype.itemsize), 1: Byte(dtype.kind == "i")}


def _pairs(metadata: Mapping[str, str]) -> list[Value]:
    return [{0: key, 1: value} for key, value in metadata.items()]


class _Body:
    """The buffers of a record batch, each at a multiple of eight bytes."""

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self.buffers: list[int] = []
        self.pieces: list[bytes] = []
        self.size = 0

    def add(self, column: Column, n: int) -> None:
        self._array(n, column.missing)
        count = n
        for axis, size in enumerate(column.shape):
            if size == ANY_SIZE:
                count = self._lists(column, axis)
            else:
                count *= size
            self._array(count, None)
        if column.kind is None:
            values = np.asarray(column.values).reshape(-1)
            self._buffer(_bits(values) if values.dtype.kind == "b" else _little(values).tobytes())
            return
        raws = [value.encode() if isinstance(value, str) else value or b"" for value in column.values]
        self._ends([len(raw) for raw in raws])
        self._buffer(b"".join(raws))

    def _lists(self, column: Column, axis: int) -> int:
        """The ends of the lists along an axis of any size; how many items they have."""
        lengths = [sizes[axis] for sizes in column.sizes or () for _ in range(math.prod(sizes[:axis]))]
        self._ends(lengths)
        return sum(lengths)

    def _ends(self, lengths: Sequence[int]) -> None:
        ends = np.zeros(len(lengths) + 1, "<i4")
        np.cumsum(lengths, out=ends[1:])
        self._buffer(ends.tobytes())

    def _array(self, count: int, missing: NDArray[np.bool_] | None) -> None:
        """An array's counts, and its buffer of who is there."""
        lacking = 0 if missing is None else int(missing.sum())
        self.nodes += count, lacking
        self._buffer(_bits(~missing) if missing is not None and lacking else b"")

    def _buffer(self, raw: bytes) -> None:
        self.buffers += self.size, len(raw)
        raw += bytes(-len(raw) % 8)
        self.pieces.append(raw)
        self.size += len(raw)


def _bits(truths: NDArray[Any]) -> bytes:
    return np.packbits(truths, bitorder="little").tobytes()


def _little(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)
