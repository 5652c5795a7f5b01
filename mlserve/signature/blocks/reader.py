"""Reading blocks. They come out of a file or a database, so that nothing in them is believed before it is checked."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlserve.signature.batch import Column
from mlserve.signature.blocks.deflate import plain
from mlserve.signature.blocks.layout import (
    DIGEST_SIZE,
    LARGEST,
    LENGTH,
    LITTLE,
    Damaged,
    FieldHead,
    Head,
    code_type,
    padding,
)
from mlserve.signature.fields import ANY_SIZE, BINARY, FLOATS, TEXTS

_MOST_AXES = 32

_decode = msgspec.json.Decoder(Head).decode


class Block(NamedTuple):
    """A block whose header and sizes are checked; `fields` are those that are not omitted."""

    n: int
    fields: "list[StoredColumn]"


class StoredColumn:
    """One field of a block: views of its buffers, of which arrays and texts are made when they are asked for."""

    def __init__(self, head: FieldHead, n: int, buffers: Mapping[str, memoryview]) -> None:
        self.head = head
        self.n = n
        self._buffers = buffers
        self.depth = len(head.nesting)
        self.varies = ANY_SIZE in head.nesting
        self.missing = self._mask()
        self.sizes = self._sizes() if self.varies else None
        self.values, self.offsets = self._checked()

    @property
    def count(self) -> int:
        """How many single values there are, all instances together."""
        if self.sizes is not None:
            return int(self.sizes.prod(axis=1, dtype=np.int64).sum())
        return self.n * math.prod(self.head.nesting)

    def column(self) -> Column:
        """The field's array and its mask, as `Batch.column` has them; of pictures their files.

        The texts of a hashed field are "sha256:" and the hex digest. Raises Damaged.
        """
        if self.head.keep == "hash":
            return self._digests(), self.missing
        if self.head.categories is not None:
            named = np.array([*self.head.categories, None], np.object_)[self.values]
            named[self.missing] = None
            return named, self.missing
        if self.offsets is not None:
            return self._shaped(self._items(self.offsets)), self.missing
        array = self._shaped(self.values.astype(self.values.dtype.newbyteorder("="), copy=False))
        return array, np.isnan(array) if self.head.type in FLOATS and not self.head.shape else self.missing

    def item_sizes(self) -> NDArray[np.int64]:
        """The sizes in bytes of the texts of categories, or of the values' texts, one a value."""
        if self.head.categories is not None:
            lengths = np.array([len(name.encode()) for name in self.head.categories] or [0], np.int64)
            sizes: NDArray[np.int64] = lengths[self.values]
            return sizes
        assert self.offsets is not None
        return np.diff(self.offsets)

    def _mask(self) -> NDArray[np.bool_]:
        if "missing" not in self._buffers:
            return np.zeros(self.n, np.bool_)
        packed = self._buffer("missing", np.dtype("u1"), (self.n + 7) // 8)
        return np.unpackbits(packed, count=self.n, bitorder="little").view(np.bool_)

    def _sizes(self) -> NDArray[np.int64]:
        sizes = self._buffer("sizes", np.dtype("<u4"), self.n * self.depth).reshape(self.n, self.depth)
        # As doubles, which cannot overflow: how many values and nested arrays there would be.
        if sizes.astype(np.float64).cumprod(axis=1).sum() > LARGEST:
            raise self.damaged("its arrays would have more values than a block can hold")
        return sizes.astype(np.int64)

    def _checked(self) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        """The values as they are stored, and where the items among them begin, if they are texts or bytes."""
        head = self.head
        if head.keep == "hash":
            return self._buffer("values", np.dtype("u1"), self.n * DIGEST_SIZE), None
        if head.type == "category" and not head.shape:
            return self._checked_codes(), None
        if head.categories is not None:
            raise self.damaged("it has categories where there are no codes")
        if head.type not in TEXTS | BINARY:
            stored = self._buffer("values", np.dtype("u1") if head.type == "bool" else LITTLE[head.type], self.count)
            return stored.astype(np.bool_) if head.type == "bool" else stored, None
        offsets = self._buffer("offsets", np.dtype("<u4"), self.count + 1).astype(np.int64)
        values = self._buffer("values", np.dtype("u1"), int(offsets[-1]))
        if offsets[0] != 0 or (np.diff(offsets) < 0).any():
            raise self.damaged("its offsets do not rise from 0")
        return values, offsets

    def _checked_codes(self) -> NDArray[Any]:
        categories = self.head.categories
        if categories is None:
            raise self.damaged("it has no categories")
        codes = self._buffer("values", code_type(len(categories)), self.n)
        if (codes[~self.missing] >= len(categories)).any():
            raise self.damaged("it has a code without a category")
        return np.where(self.missing, 0, codes)

    def _buffer(self, name: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        found = self._buffers.get(name)
        if found is None or len(found) != count * dtype.itemsize:
            got = "is not there" if found is None else f"has {len(found):,} bytes"
            raise self.damaged(f"its buffer '{name}' must have {count * dtype.itemsize:,} bytes, and {got}")
        return np.frombuffer(found, dtype)

    def _items(self, offsets: NDArray[np.int64]) -> NDArray[Any]:
        """The texts or bytes behind one another."""
        data = self.values.tobytes()
        borders = offsets.tolist()
        items: list[Any] = [data[start:end] for start, end in pairwise(borders)]
        if self.head.type in TEXTS:
            try:
                items = [item.decode() for item in items]
            except UnicodeDecodeError as error:
                raise self.damaged("it has a text that is not UTF-8") from error
        return _objects(items)

    def _shaped(self, flat: NDArray[Any]) -> NDArray[Any]:
        """From the values behind one another to one item an instance."""
        if self.sizes is not None:
            ends = self.sizes.prod(axis=1, dtype=np.int64).cumsum()
            parts = np.split(flat, ends[:-1])
            return _objects(
                [
                    None if missing else part.reshape(sizes)
                    for part, sizes, missing in zip(parts, self.sizes.tolist(), self.missing.tolist(), strict=True)
                ]
            )
        shaped = flat.reshape(self.n, *self.head.nesting)
        if self.offsets is not None and self.missing.any():
            shaped[self.missing] = None
        return shaped

    def _digests(self) -> NDArray[Any]:
        text = self.values.tobytes().hex()
        width = 2 * DIGEST_SIZE
        return _objects(
            [
                None if missing else "sha256:" + text[at * width : (at + 1) * width]
                for at, missing in enumerate(self.missing.tolist())
            ]
        )

    def damaged(self, reason: str) -> Damaged:
        return Damaged(f"field {self.head.name!r}: {reason}")


def read_block(block: bytes, encoding: str) -> Block:
    """The fields of a block in any encoding. Raises Damaged."""
    found = plain(block, encoding)
    head, start = _head(found)
    if not 0 < head.n <= len(found):  # An instance has a byte at least, of every field.
        raise Damaged(f"it says that it has {head.n:,} instances")
    view = memoryview(found)
    columns = []
    for field in head.fields:
        if len(field.shape) > _MOST_AXES or any(not (0 < size <= LARGEST or size == ANY_SIZE) for size in field.shape):
            raise Damaged(f"field {field.name!r}: its shape {list(field.shape)} is none")
        buffers = {}
        for name, size in field.buffers.items():
            if not 0 <= size <= len(found) - start:
                raise Damaged(f"field {field.name!r}: its buffer {name!r} is not in the block")
            buffers[name] = view[start : start + size]
            start += size + padding(size)
        if field.keep != "omit":
            columns.append(StoredColumn(field, head.n, buffers))
    if start != len(found):
        raise Damaged(f"it has {len(found):,} bytes, and its header tells of {start:,}")
    if not columns:
        raise Damaged("it has no field")
    return Block(head.n, columns)


def _head(block: bytes) -> tuple[Head, int]:
    """The header, and where the first buffer begins."""
    if len(block) < LENGTH.size:
        raise Damaged(f"it has {len(block)} bytes")
    end = LENGTH.size + LENGTH.unpack_from(block)[0]
    if end > len(block):
        raise Damaged("its header is longer than the block")
    try:
        return _decode(block[LENGTH.size : end]), end + padding(end)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"its header cannot be read: {error}") from error


def _objects(items: list[Any]) -> NDArray[Any]:
    """One object an item: of items that are arrays, numpy would make one array."""
    array = np.empty(len(items), np.object_)
    array[:] = items
    return array
