"""The buffers of one record batch, handed out in the order in which its columns take them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve.arrow.flat import LONG, Table
from mlserve.errors import TooLarge, Unreadable, UnsupportedMediaType

Values = NDArray[Any] | list[Any]


class Budget:
    """How many bytes the values of one stream may take beyond those that the stream itself has.

    A reference to a text takes fewer than the text, and a bit fewer than a truth value.
    """

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit

    def spend(self, size: int) -> None:
        """Raises TooLarge."""
        self._left -= size
        if self._left < 0:
            raise TooLarge(f"The values of the Arrow stream take more than {self._limit:,} bytes.")


class Part:
    """One record batch: `batch` is its table, and its buffers lie in `data` from `start` to `end`."""

    def __init__(
        self, data: bytes, start: int, end: int, batch: Table, budget: Budget, dictionaries: dict[int, Values]
    ) -> None:
        """Raises Unreadable, UnsupportedMediaType."""
        if batch.table(3) is not None:
            raise UnsupportedMediaType("The buffers of the Arrow stream are compressed; write it without compression.")
        self.data, self.budget, self.dictionaries = data, budget, dictionaries
        self.length = batch.number(0, LONG)
        nodes, buffers = batch.longs(1, 2), batch.longs(2, 2)
        lengths = buffers[1::2]
        size = end - start
        if buffers and (min(buffers) < 0 or max(map(int.__add__, buffers[::2], lengths)) > size):
            raise damaged("a buffer lies outside its message")
        if sum(lengths) > size:  # Were it so, few bytes could be many values.
            raise damaged("its buffers overlap")
        self._nodes = iter(zip(nodes[::2], nodes[1::2], strict=True))
        self._buffers = iter(zip([start + at for at in buffers[::2]], lengths, strict=True))
        self._views = iter(batch.longs(4))

    def node(self, least: int) -> tuple[int, int]:
        """How many values the next array has, and how many of them are missing (-1: nobody has counted)."""
        found = next(self._nodes, None)
        if found is None or found[0] < least:
            raise damaged("a column is shorter than its record batch")
        return found

    def buffer(self) -> tuple[int, int]:
        """Where the next buffer begins, and how many bytes it has."""
        found = next(self._buffers, None)
        if found is None:
            raise damaged("a record batch has fewer buffers than its columns need")
        return found

    def bytes_at(self, count: int) -> int:
        """Where the next buffer begins, which has `count` bytes at least."""
        at, size = self.buffer()
        if count > size:
            raise damaged("a buffer is shorter than its column")
        return at

    def array(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """The next buffer as `count` values, where they lie."""
        return np.ndarray((count,), dtype, self.data, self.bytes_at(count * dtype.itemsize))

    def bits(self, count: int) -> NDArray[np.bool_]:
        """The next buffer as `count` truth values."""
        self.budget.spend(count)
        octets = self.array(_OCTETS, (count + 7) // 8)
        return np.unpackbits(octets, count=count, bitorder="little").view(np.bool_)

    def head(self, count: int) -> NDArray[np.bool_] | None:
        """Which of the next array's first `count` values are missing; None where none is."""
        _, nulls = self.node(count)
        found = self.buffer()
        if nulls == 0 or (nulls < 0 and found[1] == 0):
            return None
        if found[1] < (count + 7) // 8:
            raise damaged("a column says that values are missing, and not which")
        octets = np.ndarray(((count + 7) // 8,), _OCTETS, self.data, found[0])
        missing = np.unpackbits(octets, count=count, bitorder="little") == 0
        return missing if missing.any() else None

    def views(self) -> Sequence[tuple[int, int]]:
        """The buffers into which the values of the next column of views point."""
        count = next(self._views, None)
        if count is None or count < 0:
            raise damaged("a column of views has no buffers")
        return [self.buffer() for _ in range(count)]  # It raises where there are fewer.

    def end(self) -> None:
        """Raise Unreadable where there is more than the columns have taken."""
        if next(self._nodes, None) is not None or next(self._buffers, None) is not None:
            raise damaged("a record batch has more buffers than its columns need")


_OCTETS = np.dtype(np.uint8)


def damaged(what: str) -> Unreadable:
    return Unreadable(f"The Arrow stream is damaged: {what}.")
