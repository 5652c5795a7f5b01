"""Batch: the checked instances of one request, and their lazy conversions to arrays."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlserve.signature.fields import BINARY, FLOATS, TEXTS, TYPES, Field, Signature
from mlserve.signature.packing import Row, cell_lookup, contiguous, pack_column
from mlserve.signature.picture import Picture

Column = tuple[NDArray[Any], NDArray[np.bool_]]

DTYPES: dict[str, type[np.generic]] = {
    **{name: np.dtype(name).type for name in TYPES - TEXTS - BINARY},
    **dict.fromkeys([*TEXTS, "bytes"], np.object_),
    "image": np.uint8,
}


class Batch:
    """`n` instances of one signature, already checked; immutable. Missing is None, or NaN in a float array.

    Built from rows or from columns; whatever else is asked for is converted then, once. All arrays are read-only.
    """

    __slots__ = ("_block", "_columns", "_given", "_matrix", "_rows", "n", "signature")

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
        self._block: NDArray[Any] | None = None

    @classmethod
    def from_rows(cls, signature: Signature, rows: Sequence[Row]) -> Self:
        """Rows hold their values in signature order; None is missing. Nothing is checked."""
        return cls(signature, len(rows), rows, None)

    @classmethod
    def from_columns(cls, signature: Signature, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Self:
        """Every field of the signature with its n values: a list, or an array whose NaN are missing.

        Where sizes may differ (`Field.varies`) also a list, or an object array, of n arrays.
        """
        return cls(signature, len(columns[signature.names[0]]), None, columns)

    @classmethod
    def from_block(cls, signature: Signature, block: NDArray[Any]) -> Self:
        """Columns of floats in one array, in the order of the signature: (fields, n); NaN is missing."""
        batch = cls(signature, block.shape[1], None, dict(zip(signature.names, block, strict=True)))
        batch._block = block
        return batch

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

        Numbers and truth values come in their own type, texts and bytes as an object array of str or bytes, pictures as
        uint8. Where the mask is True the array holds NaN, 0, False or None.

        Where the instances' sizes may differ (a size of -1, or an image without shape) it is an object array (n,) of
        arrays, with None where the mask is True.
        """
        if name not in self._columns:
            field = self._field(name)
            array, mask = self._varying_column(field) if field.varies else self._build_column(field)
            array.flags.writeable = mask.flags.writeable = False
            self._columns[name] = array, mask
        return self._columns[name]

    def matrix(self) -> NDArray[np.float32]:
        """The feature matrix: float32 (n, k) in C order, NaN for missing, category codes in the signature's order.

        A category that the signature does not name (`unknown = native`) is the code after the last one.
        Raises TypeError when a field is a string, bytes, an image or a tensor.
        """
        if self._matrix is None:
            given = self._given
            if self._block is not None:
                matrix = contiguous(self._block.T, np.float32)
            elif given is not None and (_has_arrays(given) or self.signature.packing.prefers_columns(self.n)):
                matrix = self._matrix_of_columns(given)
            else:
                matrix = self.signature.packing.matrix(self.rows())
            matrix.flags.writeable = False
            self._matrix = matrix
        return self._matrix

    def _field(self, name: str) -> Field:
        return self.signature.inputs[self.signature.positions[name]]

    def _raw_values(self, name: str) -> Sequence[Any]:
        field = self._field(name)
        if self._given is None:
            assert self._rows is not None  # A batch is born with the one or with the other.
            position = self.signature.positions[name]
            return [row[position] for row in self._rows]
        values = self._given[name]
        if isinstance(values, np.ndarray) and not field.varies and field.type != "image":
            _, mask = self.column(name)
            return [None if missing else value for value, missing in zip(values.tolist(), mask.tolist(), strict=True)]
        if field.shape or isinstance(values, np.ndarray):
            return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
        return values

    def _build_column(self, field: Field) -> Column:
        given = None if self._given is None else self._given[field.name]
        if isinstance(given, np.ndarray) and field.type != "image":
            with np.errstate(over="ignore"):
                array = given.astype(DTYPES[field.type])  # A copy: the caller's array may change later.
            return array, _missing_in(array)
        values = self._raw_values(field.name)
        mask = np.fromiter((value is None for value in values), np.bool_, self.n)
        if field.type == "image":
            return _stacked([None if value is None else _pixels(value) for value in values], field.shape), mask
        if field.shape or (field.type not in FLOATS | TEXTS and mask.any()):
            blank = _blank(field)
            values = [blank if value is None else value for value in values]
        with np.errstate(over="ignore"):
            return np.array(values, DTYPES[field.type]).reshape(self.n, *field.shape), mask

    def _varying_column(self, field: Field) -> Column:
        values = self._raw_values(field.name) if self._given is None else self._given[field.name]
        column = np.empty(self.n, np.object_)
        for at, value in enumerate(values):
            if value is not None:
                column[at] = array = _pixels(value) if field.type == "image" else varying_array(field, value)
                array.flags.writeable = False
        return column, np.fromiter((value is None for value in column), np.bool_, self.n)

    def _matrix_of_columns(self, given: Mapping[str, Any]) -> NDArray[np.float32]:
        packing = self.signature.packing
        if packing.refusal is not None:
            raise TypeError(packing.refusal)
        matrix = np.empty((self.n, packing.width), np.float32)
        with np.errstate(over="ignore"):
            for position, field in enumerate(self.signature.inputs):
                values = given[field.name]
                if field.type in TEXTS or not isinstance(values, np.ndarray):
                    lookup = cell_lookup(field)
                    values = self._raw_values(field.name)
                    values = pack_column(values if lookup is None else list(map(lookup, values)))
                elif field.type == "float16":
                    values = values.astype(np.float16)
                matrix[:, position] = values
        return matrix


def _has_arrays(columns: Mapping[str, Any]) -> bool:
    return any(isinstance(values, np.ndarray) for values in columns.values())


def varying_array(field: Field, value: Any) -> NDArray[Any]:
    """One instance's array of a field with sizes of -1, from nested lists that are checked, or from an array."""
    if isinstance(value, np.ndarray):
        return value.astype(DTYPES[field.type])
    sizes: list[int] = []
    inside = value
    for size in field.shape:
        # Of an array in an empty one nobody says the size.
        sizes.append(len(inside) if inside is not None else max(size, 0))
        inside = inside[0] if inside else None
    with np.errstate(over="ignore"):
        return np.array(value, DTYPES[field.type]).reshape(sizes)


def _pixels(value: Any) -> NDArray[np.uint8]:
    """Of a Picture, or of what stands for one in columns that were made in memory."""
    return value.pixels if isinstance(value, Picture) else np.array(value, np.uint8)


def _stacked(arrays: Sequence[NDArray[Any] | None], shape: Sequence[int]) -> NDArray[Any]:
    stacked = np.zeros((len(arrays), *shape), np.uint8)
    for at, array in enumerate(arrays):
        if array is not None:
            stacked[at] = array
    return stacked


def _blank(field: Field) -> Any:
    """What stands in an array where a value is missing and the type has no missing value of its own."""
    blank: Any = False if field.type == "bool" else None if field.type in TEXTS | BINARY else 0
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
        return np.fromiter((_is_missing(value) for value in array), np.bool_, len(array))
    return np.zeros(len(array), np.bool_)


def _is_missing(value: Any) -> bool:
    """Of an object array: a tensor is missing as a whole or not at all."""
    return value is None or (isinstance(value, np.ndarray) and value.size > 0 and value.flat[0] is None)
