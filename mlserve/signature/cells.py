"""CSV cells as typed columns, where all of them are plain: then their numbers are parsed all at once.

What a number is, JSON says here: cells such as `+1` and `.5` are numbers in a CSV too, and are looked at one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mlserve.signature.fields import FLOATS, INTEGERS, TEXTS, Field, Signature

Cells = Sequence[str]
Column = NDArray[Any] | list[Any]

_OF_NUMBERS = b"0123456789+-.eE,"
_COMMA, _LINE_END = b",\n"
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}
# Doubles hold all of their numbers.
_IN_DOUBLES = FLOATS | INTEGERS - {"int64", "uint64"}


def plain_table(signature: Signature, body: bytes, refuse_too_many: Callable[[int], None]) -> dict[str, Column] | None:
    """The columns of a CSV of nothing but numbers, for `Decoder.decode_arrays`; None where it is another.

    `refuse_too_many` is given the number of rows before they are parsed.
    """
    head, _, rest = body.partition(b"\n")
    names = head.rstrip(b"\r").decode(errors="replace").split(",")
    fields = [signature.positions.get(name) for name in names]
    if len(set(fields)) < len(fields) or not all(
        at is not None and signature.inputs[at].type in _IN_DOUBLES and not signature.inputs[at].shape for at in fields
    ):
        return None
    rest = rest.replace(b"\r\n", b"\n").removesuffix(b"\n")
    if not rest or rest.translate(None, _OF_NUMBERS + b"\n"):
        return None
    if len(names) == 1 and b"\n\n" in b"\n" + rest + b"\n":
        return None  # An empty line is no row, though its one cell would be a missing value.
    octets = np.frombuffer(rest, np.uint8)
    marks = octets[(octets == _COMMA) | (octets == _LINE_END)]
    n = rest.count(b"\n") + 1
    refuse_too_many(n)
    if len(marks) + 1 != n * len(names):
        return None
    ends = np.append(marks, np.uint8(_LINE_END)).reshape(n, -1) == _LINE_END
    if not ends[:, -1].all() or ends[:, :-1].any():
        return None
    values = _numbers_in(rest.replace(b"\n", b","))
    if values is None:
        return None
    columns = np.array(values, np.float64).reshape(n, -1).T.copy()
    return dict(zip(names, columns, strict=True))


def plain_columns(signature: Signature, names: Sequence[str], rows: Sequence[Cells]) -> dict[str, Column] | None:
    """The columns of rows of cells below their names, for `Decoder.decode_arrays`; None where a cell is not plain."""
    found: dict[str, Column] = {}
    if not rows:
        return None
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        position = signature.positions.get(name)
        read = None if position is None else _reader_of(signature.inputs[position])
        column = None if read is None else read(cells)
        if column is None:
            return None
        found[name] = column
    return found


def _reader_of(field: Field) -> Callable[[Cells], Column | None] | None:
    return None if field.nesting else _READERS.get(field.type)


def _numbers_in(text: bytes) -> list[Any] | None:
    """The numbers between commas, None where there is nothing between them."""
    if b",," in text or text.startswith(b",") or text.endswith(b","):
        text = (b"," + text + b",").replace(b",,", b",null,").replace(b",,", b",null,")[1:-1]
    try:
        return orjson.loads(b"[" + text + b"]")  # type: ignore[no-any-return]
    except orjson.JSONDecodeError:
        return None


def _numbers(cells: Cells) -> list[Any] | None:
    text = ",".join(cells)
    # Whatever else stands in a cell could be two.
    if not text.isascii() or (raw := text.encode()).translate(None, _OF_NUMBERS) or raw.count(b",") != len(cells) - 1:
        return None
    return _numbers_in(raw) if raw else [None] * len(cells)


def _doubles(cells: Cells) -> Column | None:
    values = _numbers(cells)
    return None if values is None else np.array(values, np.float64)


def _wide_numbers(cells: Cells) -> Column | None:
    values = _numbers(cells)
    try:
        return np.array(values, np.int64) if values and {*map(type, values)} == {int} else values
    except OverflowError:
        return values


def _truths(cells: Cells) -> Column | None:
    try:
        return np.array([_TRUTHS[cell] for cell in cells], np.bool_)
    except KeyError:
        return None


def _texts(cells: Cells) -> Column:
    return [cell or None for cell in cells] if "" in cells else list(cells)


_READERS: Mapping[str, Callable[[Cells], Column | None]] = {
    **dict.fromkeys(_IN_DOUBLES, _doubles),
    **dict.fromkeys(INTEGERS - _IN_DOUBLES, _wide_numbers),
    **dict.fromkeys(TEXTS, _texts),
    "bool": _truths,
}
