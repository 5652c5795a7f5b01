"""From a Batch to the matrix that LightGBM is asked about: float64, where the core's own is float32."""

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Batch, Field, Signature

# From this many rows on it is faster to go column by column.
_MANY: Final = 16


class Matrix:
    """How the Batches of one signature become matrices, made once.

    A missing value is NaN, and so is a category that the signature does not name (`unknown = native`): as LightGBM's
    Python package makes it of a data frame.
    """

    def __init__(self, signature: Signature) -> None:
        self._fields = signature.inputs
        self._pack = struct.Struct(f"{len(signature.inputs)}d").pack
        self._codes = {field.name: _codes(field) for field in signature.inputs if field.type == "category"}
        found = ((position, _cell(field, self._codes)) for position, field in enumerate(signature.inputs))
        self._cells = tuple((position, cell) for position, cell in found if cell is not None)

    def __call__(self, batch: Batch) -> NDArray[np.float64]:
        """The matrix (n, fields) in C order."""
        if batch.n >= _MANY:
            return self._by_columns(batch)
        rows = [self._row(row) for row in batch.rows()]
        packed = b"".join([self._pack(*row) for row in rows])
        return np.ndarray((batch.n, len(self._fields)), np.float64, packed)

    def _row(self, row: Any) -> list[Any]:
        cells = list(row)
        for position, cell in self._cells:
            cells[position] = cell(cells[position])
        return [math.nan if value is None else value for value in cells] if None in cells else cells

    def _by_columns(self, batch: Batch) -> NDArray[np.float64]:
        matrix = np.empty((batch.n, len(self._fields)), np.float64)
        for position, field in enumerate(self._fields):
            if field.type == "category":
                codes = self._codes[field.name]
                matrix[:, position] = [codes.get(value, math.nan) for value in batch.values(field.name)]
            else:
                values, missing = batch.column(field.name)
                matrix[:, position] = values
                matrix[missing, position] = math.nan
        return matrix


def _codes(field: Field) -> Mapping[str | None, float]:
    return {name: float(code) for code, name in enumerate(field.categories)}


def _cell(field: Field, codes: Mapping[str, Mapping[str | None, float]]) -> Callable[[Any], Any] | None:
    """What turns a value of this field into a number, or None where it is that number already."""
    if field.type == "category":
        known = codes[field.name]
        return lambda value: known.get(value, math.nan)
    if field.type in ("float16", "float32"):
        narrow = np.dtype(field.type).type
        return lambda value: None if value is None else float(narrow(value))
    return None
