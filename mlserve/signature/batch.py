"""Batch: the checked instances of one request, and their lazy conversions to arrays."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlserve.signature.fields import FLOATS, TEXTS, Field, Signature
from mlserve.signature.packing import Row, cell_lookup, contiguous

Column = tuple[NDArray[Any], NDArray[np.bool_]]

DTYPES: dict[str, type[np.generic]] = {
    "bool": np.bool_,
    "int32": np.int32,
    "int64": np.int64,
    "float32": np.float32,
    "float64": np.float64,
    "string": np.object_,
    "category": np.object_,
}


class Batch:
    """`n` instances of one signature, already checked; immutable. Missing is None, or NaN in a float array.

    Built from rows or from columns; whatever else is asked for is converted then, once. All arrays are read-only.
    """

    __slots__ = ("_columns", "_given", "_matrix", "_rows", "n", "signature")

    def __init__(
        self,
        signature: Signature,
        n: int,
        rows: Sequence[Row] | None,
        columns: Mapping[str, Sequence[Any] | NDArray[Any]] | None,
    ) -> None:
        self.signature = signature
        self.n = n
        self._rows = rows
        self._given = columns
        self._columns: dict[str, Column] = {}
        self._matrix: NDArray[np.float32] | None = None

    @classmethod
    def from_rows(cls, signature: Signature, rows: Sequence[Row]) -> Self:
        """Rows hold their values in signature order; None is missing. Nothing is checked."""
        return cls(signature, len(rows), rows, None)

    @classmethod
    def from_columns(cls, signature: Signature, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Self:
        """Every field of the signature with its n values: a list, or an array whose NaN are missing."""
        return cls(signature, len(columns[signature.names[0]]), None, columns)

    def rows(self) -> Sequence[Row]:
        """The instances as rows of Python values in signature order; None is missing."""
        if self._rows is None:
            self._rows = list(zip(*(self._raw_values(name) for name in self.signature.names), strict=True))
        return self._rows

    def values(self, name: str) -> list[Any]:
        """One field's n Python values; None is missing."""
        return list(self._raw_values(name))

    def column(self, name: str) -> Column:
        """One field's array (n, *shape) and its mask (n,), True where the value is missing.

        bool, int32/64 and float32/64 come in their own type, strings and categories as an object array of str. Where
        the mask is True the array holds NaN, 0, False or None.
        """
        if name not in self._columns:
            array, mask = self._build_column(self._field(name))
            array.flags.writeable = mask.flags.writeable = False
            self._columns[name] = array, mask
        return self._columns[name]

    def matrix(self) -> NDArray[np.float32]:
        """The feature matrix: float32 (n, k) in C order, NaN for missing, category codes in the signature's order.

        A category that the signature does not name (`unknown = native`) is the code after the last one.
        Raises TypeError when a field is a string or a tensor.
        """
        if self._matrix is None:
            given = self._given
            if given is not None and any(isinstance(values, np.ndarray) for values in given.values()):
                matrix = self._matrix_of_arrays(given)
            else:
                matrix = self.signature.packing.matrix(self.rows())
            matrix.flags.writeable = False
            self._matrix = matrix
        return self._matrix

    def _field(self, name: str) -> Field:
        return self.signature.inputs[self.signature.positions[name]]

    def _raw_values(self, name: str) -> Sequence[Any]:
        if self._given is None:
            assert self._rows is not None  # A batch is born with the one or with the other.
            position = self.signature.positions[name]
            return [row[position] for row in self._rows]
        values = self._given[name]
        if isinstance(values, np.ndarray):
            _, mask = self.column(name)
            return [None if missing else value for value, missing in zip(values.tolist(), mask.tolist(), strict=True)]
        return values

    def _build_column(self, field: Field) -> Column:
        if self._given is not None and isinstance(given := self._given[field.name], np.ndarray):
            array = given.astype(DTYPES[field.type])  # A copy: the caller's array may change later.
            return array, _missing_in(array)
        values = self._raw_values(field.name)
        mask = np.fromiter((value is None for value in values), np.bool_, self.n)
        if field.shape or (field.type not in FLOATS | TEXTS and mask.any()):
            blank = _blank(field)
            values = [blank if value is None else value for value in values]
        with np.errstate(over="ignore"):
            return np.array(values, DTYPES[field.type]).reshape(self.n, *field.shape), mask

    def _matrix_of_arrays(self, given: Mapping[str, Any]) -> NDArray[np.float32]:
        packing = self.signature.packing
        if packing.refusal is not None:
            raise TypeError(packing.refusal)
        matrix = np.empty((self.n, packing.width), np.float32)
        for position, field in enumerate(self.signature.inputs):
            values = given[field.name]
            if field.type in TEXTS or not isinstance(values, np.ndarray):
                lookup = cell_lookup(field)
                values = self._raw_values(field.name) if lookup is None else map(lookup, self._raw_values(field.name))
                values = contiguous([math.nan if value is None else value for value in values], np.float64)
            matrix[:, position] = contiguous(values, np.float32)
        return matrix


def _blank(field: Field) -> Any:
    """What stands in an array where a value is missing and the type has no missing value of its own."""
    blank: Any = {"bool": False, "string": None, "category": None}.get(field.type, 0)
    if field.type in FLOATS:
        blank = float("nan")
    for size in reversed(field.shape):
        blank = [blank] * size
    return blank


def _missing_in(array: NDArray[Any]) -> NDArray[np.bool_]:
    if array.dtype.kind == "f":
        missing = np.isnan(array)
        return np.asarray(missing.reshape(len(array), -1).all(axis=1))
    if array.dtype.kind == "O":
        return np.fromiter((value is None for value in array), np.bool_, len(array))
    return np.zeros(len(array), np.bool_)
