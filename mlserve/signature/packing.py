"""From Python values to a float32 feature matrix, without going through a numpy conversion of each cell.

`struct` packs a row of 30 floats in a quarter of a microsecond; `numpy.array` on the same row takes 2.8, and on 1,000
rows seven times as long as packing them one by one.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve.signature.fields import BINARY, TEXTS, Field, Signature

Row = Sequence[Any]

EXACT_IN_DOUBLE = 2**53
# From this many rows on it is faster to look up and pack column by column, where cells need more than packing.
COLUMN_ROWS = 16


class NativeCodes(dict[str | None, float]):
    """Codes of a category field whose unknown categories all get the code after the last one."""

    def __missing__(self, key: str | None) -> float:
        return float(len(self) - 1)  # One entry stands for the missing value.


def category_codes(field: Field) -> Mapping[str | None, float]:
    """The matrix value of each category in the signature's order, and NaN for a missing one."""
    codes: dict[str | None, float] = {name: float(code) for code, name in enumerate(field.categories)}
    codes[None] = math.nan
    return NativeCodes(codes) if field.unknown == "native" else codes


def whole_to_float(value: float | None) -> float | None:
    """The nearest float32 of a whole number, rounded once.

    Through a double a number above 2**53 is rounded twice, and can land on another float32 than numpy's or XGBoost's.
    """
    if value is None or -EXACT_IN_DOUBLE <= value <= EXACT_IN_DOUBLE:
        return value
    return float(np.float32(np.uint64(value) if value > 0 else np.int64(value)))


def half_to_float(value: float | None) -> float | None:
    """The float16 of a number, as a double: what is finer is not the field's."""
    return None if value is None else float(np.float16(value))


# Where a value of the type is not the matrix's number already.
_LOOKUPS: dict[str, Callable[[Any], Any]] = {
    "int64": whole_to_float,
    "uint64": whole_to_float,
    "float16": half_to_float,
}


class Packing:
    """The plan that turns one signature's rows into its feature matrix."""

    def __init__(self, signature: Signature) -> None:
        self.width = len(signature.inputs)
        self.refusal = _refusal(signature.inputs)
        self._pack = struct.Struct(f"{self.width}f").pack
        self._lookups: tuple[tuple[int, Callable[[Any], Any]], ...] = tuple(
            (position, lookup)
            for position, field in enumerate(signature.inputs)
            if (lookup := cell_lookup(field)) is not None
        )

    def prefers_columns(self, n: int) -> bool:
        """Whether n instances are packed column by column, whatever they came as."""
        return n >= COLUMN_ROWS and bool(self._lookups)

    def matrix(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """The (n, k) float32 matrix of rows in signature order; raises TypeError for string and tensor fields."""
        if self.refusal is not None:
            raise TypeError(self.refusal)
        if self.prefers_columns(len(rows)):
            return self._matrix_by_columns(rows)
        if self._lookups:
            rows = [self._looked_up(row) for row in rows]
        try:
            packed = self._packed(rows)
        except struct.error:  # Something is missing.
            if len(rows) >= COLUMN_ROWS:
                return self._matrix_by_columns(rows)
            packed = self._packed([[math.nan if value is None else value for value in row] for row in rows])
        return np.ndarray((len(rows), self.width), np.float32, packed)

    def _packed(self, rows: Sequence[Row]) -> bytes:
        try:
            return self._pack(*rows[0]) if len(rows) == 1 else b"".join([self._pack(*row) for row in rows])
        except OverflowError:
            return contiguous(contiguous(rows, np.float64), np.float32).tobytes()

    def _matrix_by_columns(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        columns: list[Any] = list(zip(*rows, strict=True))
        for position, lookup in self._lookups:
            columns[position] = list(map(lookup, columns[position]))
        matrix = np.empty((len(rows), self.width), np.float32)
        for position, column in enumerate(columns):
            matrix[:, position] = pack_column(column)
        return matrix

    def _looked_up(self, row: Row) -> list[Any]:
        cells = list(row)
        for position, lookup in self._lookups:
            cells[position] = lookup(cells[position])
        return cells


def pack_column(values: Sequence[Any]) -> NDArray[np.float32]:
    """The (n,) float32 array of numbers and None."""
    try:
        return np.frombuffer(struct.pack(f"{len(values)}f", *values), np.float32)
    except (struct.error, OverflowError):
        return contiguous(contiguous(values, np.float64), np.float32)


def contiguous(array: Any, dtype: type[np.generic]) -> NDArray[Any]:
    """The array as `dtype` in C order, the one layout that C libraries take; what overflows becomes infinite."""
    if isinstance(array, np.ndarray) and array.dtype == dtype and array.flags.c_contiguous:
        return array
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype)


def cell_lookup(field: Field) -> Callable[[Any], Any] | None:
    """What turns a value of this field into a number, or None where the value is that number already."""
    if field.type == "category":
        return category_codes(field).__getitem__
    return _LOOKUPS.get(field.type)


_KINDS = {"string": "a string", "text": "a text", "image": "an image"}


def _refusal(inputs: Sequence[Field]) -> str | None:
    for field in inputs:
        if field.nesting:
            return f"field '{field.name}' is a tensor: it has no place in a feature matrix"
        if field.type in TEXTS - {"category"} | BINARY:
            return f"field '{field.name}' is {_KINDS.get(field.type, field.type)}: it has no place in a feature matrix"
    return None
