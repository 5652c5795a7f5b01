"""One reader for each of Arrow's types that is read: it takes its buffers from a Part and gives the column's values.

These are what `Decoder.decode_arrays` takes: an array of numbers or truth values (n, *shape), a masked one where some
are missing, or a list in which None is missing.
"""

from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mlserve.arrow.part import Part, Values, damaged

_INT32 = np.dtype("<i4")
_INLINE = 12  # bytes of a view that stand in the view itself
Mask = NDArray[np.bool_]


class Reader:
    """Reads the arrays of one field, of which each has `least` values at least."""

    def read(self, part: Part, least: int) -> Values:
        """Raises Unreadable, TooLarge."""
        raise NotImplementedError


class Numbers(Reader):
    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def read(self, part: Part, least: int) -> Values:
        missing = part.head(least)
        values = part.array(self.dtype, least)
        return values if missing is None else np.ma.MaskedArray(values, missing)


class Truths(Reader):
    def read(self, part: Part, least: int) -> Values:
        missing = part.head(least)
        values = part.bits(least)
        return values if missing is None else np.ma.MaskedArray(values, missing)


class Nothing(Reader):
    """Of type null: every value is missing, and none takes a byte."""

    def read(self, part: Part, least: int) -> Values:
        part.node(least)
        part.budget.spend(8 * least)
        return [None] * least


class Texts(Reader):
    """Texts, or bytes where it is not `text`, that lie one after the other."""

    def __init__(self, offsets: np.dtype[Any], *, text: bool) -> None:
        self.offsets, self.text = offsets, text

    def read(self, part: Part, least: int) -> Values:
        missing = part.head(least)
        ends = _ends(part, self.offsets, least)
        at, size = part.buffer()
        if ends[-1] > size:
            raise damaged("a text lies outside its buffer")
        first = ends[0]
        raw = part.data[at + first : at + ends[-1]]
        return _with_none(_pieces(raw, [end - first for end in ends], text=self.text), missing)


class FixedBytes(Reader):
    def __init__(self, width: int) -> None:
        self.width = width

    def read(self, part: Part, least: int) -> Values:
        missing = part.head(least)
        at = part.bytes_at(self.width * least)
        part.budget.spend(8 * least)  # Of no width, they take no byte.
        starts = range(at, at + self.width * least, self.width) if self.width else [at] * least
        return _with_none([part.data[start : start + self.width] for start in starts], missing)


class Views(Reader):
    """Texts or bytes that stand in the view itself, or in one of several buffers."""

    def __init__(self, *, text: bool) -> None:
        self.text = text

    def read(self, part: Part, least: int) -> Values:
        missing = part.head(least)
        start = part.bytes_at(16 * least)
        views = np.ndarray((least, 4), _INT32, part.data, start).tolist()
        buffers = part.views()
        found: list[Any] = []
        for number, (size, _, buffer, offset) in enumerate(views):
            if missing is not None and missing[number]:
                found.append(None)
                continue
            if 0 <= size <= _INLINE:
                at = start + 16 * number + 4
            elif size > 0 and 0 <= buffer < len(buffers) and 0 <= offset <= buffers[buffer][1] - size:
                part.budget.spend(size)  # Many views may show the same bytes.
                at = buffers[buffer][0] + offset
            else:
                raise damaged("a view shows what is not there")
            raw = part.data[at : at + size]
            found.append(_text(raw) if self.text else raw)
        return found


class FixedLists(Reader):
    """Lists of one size: tensors."""

    def __init__(self, items: Reader, size: int) -> None:
        self.items, self.size = items, size

    def read(self, part: Part, least: int) -> Values:
        missing = part.head(least)
        part.budget.spend(8 * least)  # Of no size, they take no byte.
        items = self.items.read(part, self.size * least)
        return _with_lists_missing(_of_size(items, least, self.size), missing)


class Lists(Reader):
    """Lists of any size each; where all are of one, the array that they make."""

    def __init__(self, items: Reader, offsets: np.dtype[Any]) -> None:
        self.items, self.offsets = items, offsets

    def read(self, part: Part, least: int) -> Values:
        missing = part.head(least)
        ends = _ends(part, self.offsets, least)
        items = self.items.read(part, ends[-1])
        sizes = {end - start for start, end in pairwise(ends)}
        if missing is None and len(sizes) == 1:
            return _of_size(items[ends[0] :], least, sizes.pop())
        return _with_none([items[start:end] for start, end in pairwise(ends)], missing)


class Coded(Reader):
    """Numbers or texts by their places in a dictionary, which comes in a message of its own."""

    def __init__(self, identity: int, codes: Reader) -> None:
        self.identity, self.codes = identity, codes

    def read(self, part: Part, least: int) -> Values:
        codes: Any = self.codes.read(part, least)
        values = part.dictionaries.get(self.identity)
        if values is None:
            raise damaged("a column's dictionary is not there")
        missing = np.ma.getmaskarray(codes) if isinstance(codes, np.ma.MaskedArray) else None
        plain = np.ma.getdata(codes) if missing is None else np.where(missing, 0, np.ma.getdata(codes))
        present = plain if missing is None else plain[~missing]
        if present.size and (present.min() < 0 or present.max() >= len(values)):
            raise damaged("a dictionary has no such place")
        if isinstance(values, list):
            found = [values[code] for code in plain.tolist()] if values else [None] * least
            part.budget.spend(sum(len(value) for value in found if value is not None))
            return _with_none(found, missing)
        part.budget.spend(values.itemsize * least)
        if not len(values):
            return [None] * least
        taken: Any = values[plain.astype(np.int64)]
        if missing is None:
            return cast("Values", taken)
        return np.ma.MaskedArray(np.ma.getdata(taken), missing | np.ma.getmaskarray(taken))


def joined(pieces: list[Values]) -> Values:
    """One column of the record batches' own."""
    if len(pieces) == 1:
        return pieces[0]
    arrays: list[Any] = [piece for piece in pieces if isinstance(piece, np.ndarray)]
    if len(arrays) == len(pieces) and len({piece.shape[1:] for piece in arrays}) == 1:
        masked = any(isinstance(piece, np.ma.MaskedArray) for piece in arrays)
        return np.ma.concatenate(arrays) if masked else np.concatenate(arrays)  # type: ignore[no-untyped-call]
    return [None if value is np.ma.masked else value for piece in pieces for value in piece]


def _ends(part: Part, dtype: np.dtype[Any], count: int) -> list[int]:
    """Where the values begin, and the last one ends. Of no values, there need be no such buffer."""
    if count == 0:
        part.buffer()
        return [0]
    offsets = part.array(dtype, count + 1)
    if offsets[0] < 0 or (offsets[1:] < offsets[:-1]).any():
        raise damaged("values lie in no order")
    found: list[int] = offsets.tolist()
    return found


def _pieces(raw: bytes, ends: list[int], *, text: bool) -> list[Any]:
    if not text:
        return [raw[start:end] for start, end in pairwise(ends)]
    if raw.isascii():
        whole = raw.decode("ascii")
        return [whole[start:end] for start, end in pairwise(ends)]
    return [_text(raw[start:end]) for start, end in pairwise(ends)]


def _text(raw: bytes) -> str | bytes:
    """What is no UTF-8 stays bytes: the decoder says of which instance."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _of_size(items: Values, count: int, size: int) -> Values:
    if isinstance(items, np.ndarray):
        return items[: count * size].reshape(count, size, *items.shape[1:])
    return [items[at * size : (at + 1) * size] for at in range(count)]


def _with_lists_missing(lists: Values, missing: Mask | None) -> Values:
    return lists if missing is None else _with_none(list(lists), missing)


def _with_none(values: list[Any], missing: Mask | None) -> list[Any]:
    if missing is None:
        return values
    return [None if lacking else value for value, lacking in zip(values, missing.tolist(), strict=True)]
