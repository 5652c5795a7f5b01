"""Writing blocks: numbers straight out of a Batch's arrays, texts and bytes behind one another."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlserve.signature.batch import Batch
from mlserve.signature.blocks.layout import LENGTH, LITTLE, FieldHead, Head, code_type, padding
from mlserve.signature.digests import digest
from mlserve.signature.fields import ANY_SIZE, BINARY, FLOATS, TEXTS, Field, Signature
from mlserve.signature.picture import Picture

Buffers = dict[str, NDArray[Any] | bytes]
# Of a field: its buffers, and the categories that its codes count. The row is its own of the feature matrix, if any.
_Writer = Callable[[Field, Batch, NDArray[np.float32] | None], tuple[Buffers, tuple[str, ...] | None]]

_PADDING = [bytes(size) for size in range(8)]
# Numbers of these types are the same in a feature matrix.
_EXACT = {"bool", "int8", "int16", "uint8", "uint16", "float16", "float32"}
_EXACT_CODES = 1 << 24

_encode = msgspec.json.Encoder().encode


class BlockWriter:
    """Writes the Batches of one signature as blocks."""

    def __init__(self, signature: Signature) -> None:
        self._fields = [(field, _writer_of(field)) for field in signature.inputs]
        self._by_matrix = signature.packing.refusal is None

    def write(self, batch: Batch) -> bytes:
        """The block of a Batch, in the encoding PLAIN."""
        columns = np.ascontiguousarray(batch.matrix().T) if self._by_matrix else [None] * len(self._fields)
        heads: list[FieldHead] = []
        parts: list[Any] = []
        for (field, write), row in zip(self._fields, columns, strict=True):
            buffers, categories = write(field, batch, row)
            sizes = {}
            for name, buffer in buffers.items():
                size = len(buffer) if isinstance(buffer, bytes) else buffer.nbytes
                sizes[name] = size
                parts += (buffer, _PADDING[padding(size)])
            shape = tuple(field.shape)
            heads.append(FieldHead(field.name, field.type, shape, field.keep, categories, sizes))
        head = _encode(Head(batch.n, heads))
        return b"".join([LENGTH.pack(len(head)), head, _PADDING[padding(LENGTH.size + len(head))], *parts])


def _writer_of(field: Field) -> _Writer:
    if field.keep == "omit":
        return lambda field, batch, row: ({}, None)
    if field.keep == "hash":
        return _digests
    if field.type == "category" and not field.shape:
        return _categories
    if field.type in TEXTS | BINARY:
        return _items
    if field.varies:
        return _arrays
    return _tensors if field.shape else _scalars


def _scalars(field: Field, batch: Batch, row: NDArray[np.float32] | None) -> tuple[Buffers, None]:
    if row is None or field.type not in _EXACT:
        array, mask = batch.column(field.name)
    else:
        array, mask = row, np.isnan(row)
    if field.type in FLOATS:  # NaN says what is missing.
        return {"values": _little(field, array)}, None
    if mask.any():
        array = np.where(mask, array.dtype.type(0), array)
    return {**_missing(mask), "values": _little(field, array)}, None


def _tensors(field: Field, batch: Batch, row: Any) -> tuple[Buffers, None]:
    array, mask = batch.column(field.name)
    return {**_missing(mask), "values": _little(field, array)}, None


def _arrays(field: Field, batch: Batch, row: Any) -> tuple[Buffers, None]:
    """Of arrays of different sizes: their sizes, and their numbers one array after the other."""
    column, mask = batch.column(field.name)
    sizes = _sizes([None if array is None else array.shape for array in column], len(field.shape))
    values = b"".join([_little(field, array).tobytes() for array in column if array is not None])
    return {**_missing(mask), "sizes": sizes, "values": values}, None


def _categories(field: Field, batch: Batch, row: NDArray[np.float32] | None) -> tuple[Buffers, tuple[str, ...]]:
    names = field.categories
    if row is not None and len(names) <= min(max(batch.n, 256), _EXACT_CODES):
        mask = np.isnan(row)
        codes = np.where(mask, np.float32(0), row)
        if codes.max() < len(names):  # The code after the last one would be of a category that has no name here.
            return {**_missing(mask), "values": codes.astype(code_type(len(names)))}, names
    values = batch.values(field.name)
    found = {name: code for code, name in enumerate(dict.fromkeys(value for value in values if value is not None))}
    mask = _mask(values)
    return {**_missing(mask), "values": _codes(values, found)}, tuple(found)


def _codes(values: Sequence[str | None], found: dict[str, int]) -> NDArray[Any]:
    return np.fromiter((0 if value is None else found[value] for value in values), code_type(len(found)), len(values))


def _items(field: Field, batch: Batch, row: Any) -> tuple[Buffers, None]:
    """Of texts and bytes, of which each value has one or, of a tensor, several."""
    values = batch.values(field.name)
    buffers: Buffers = _missing(_mask(values))
    depth = len(field.nesting)
    blank: Any = b"" if field.type in BINARY else ""
    if not depth:
        items = [blank if value is None else value for value in values]
    elif ANY_SIZE in field.nesting:
        buffers["sizes"] = _sizes([_sizes_of(field, value) for value in values], depth)
        items = [item for value in values if value is not None for item in _flat(value, depth)]
    else:
        blanks = [blank] * int(np.prod(field.nesting))
        items = [item for value in values for item in (blanks if value is None else _flat(value, depth))]
    if field.type in BINARY:
        raw = [item.raw if isinstance(item, Picture) else bytes(item) for item in items]
        return {**buffers, "offsets": _offsets(map(len, raw), len(raw)), "values": b"".join(raw)}, None
    joined = "".join(items)
    data = joined.encode()
    sizes = map(len, items) if len(data) == len(joined) else (len(item.encode()) for item in items)
    return {**buffers, "offsets": _offsets(sizes, len(items)), "values": data}, None


def _digests(field: Field, batch: Batch, row: Any) -> tuple[Buffers, None]:
    values = batch.values(field.name)
    found = [bytes(32) if value is None else digest(field, value) for value in values]
    return {**_missing(_mask(values)), "values": b"".join(found)}, None


def _mask(values: Sequence[Any]) -> NDArray[np.bool_]:
    return np.fromiter((value is None for value in values), np.bool_, len(values))


def _missing(mask: NDArray[np.bool_]) -> Buffers:
    return {"missing": np.packbits(mask, bitorder="little")} if mask.any() else {}


def _little(field: Field, array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, LITTLE[field.type])


def _offsets(sizes: Iterable[int], count: int) -> NDArray[Any]:
    """Where each item begins, and where the last one ends."""
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(np.fromiter(sizes, np.int64, count), out=offsets[1:])
    return offsets.astype("<u4")


def _sizes(found: Sequence[tuple[int, ...] | None], depth: int) -> NDArray[Any]:
    return np.array([(0,) * depth if sizes is None else sizes for sizes in found], "<u4").reshape(len(found), depth)


def _sizes_of(field: Field, value: Any) -> tuple[int, ...] | None:
    """The sizes of nested lists; of a list in an empty one nobody says any."""
    if value is None:
        return None
    sizes, inside = [], value
    for size in field.nesting:
        sizes.append(len(inside) if inside is not None else max(size, 0))
        inside = inside[0] if inside else None
    return tuple(sizes)


def _flat(value: Any, depth: int) -> list[Any]:
    for _ in range(depth - 1):
        value = [item for inner in value for item in inner]
    return list(value)
