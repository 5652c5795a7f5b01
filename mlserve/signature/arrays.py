"""Typed columns, as protocols that send tensors have them, checked by the same schema as JSON.

Arrays of numbers are looked at as a whole; each element that may be wrong is then judged by the field's own Feature, so
that arrays and JSON are told the same.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import colander
import numpy as np
from numpy.typing import NDArray

from mlserve.signature.base64 import write_base64
from mlserve.signature.batch import DTYPES
from mlserve.signature.faults import Fault, LimitReached, Problems, got
from mlserve.signature.features import Feature, FeatureInvalid
from mlserve.signature.fields import BINARY, FLOATS, INTEGERS, TEXTS, Field, shape_text, takes_shape
from mlserve.signature.ranges import inside_as_doubles, range_of
from mlserve.signature.schema import RowType

Column = NDArray[Any] | Sequence[Any]
Mask = NDArray[np.bool_]

_NUMBERS = "biufc"  # the kinds of numpy's types that are looked at as a whole
_QUICK = (np.dtype(np.float32), np.dtype(np.float64))  # whose extremes numpy finds quickly
_STRANGE = "mMV"  # durations, times and records: no field takes these, though Python may see numbers in them


class PlainFloats:
    """The fields of single floats, whose columns are looked at all together; built once a signature.

    Most tables have no others, and a look at one column costs as much as one at thirty.
    """

    def __init__(self, schema: colander.SchemaNode) -> None:
        self.places = [place for place, node in enumerate(schema.children) if _is_plain(node.typ.field)]
        features = [schema.children[place].typ for place in self.places]
        self._names = [feature.field.name for feature in features]
        self._dtypes = [DTYPES[feature.field.type] for feature in features]
        alone = len(features) == len(schema.children) and len(set(self._dtypes)) == 1
        self._only = self._dtypes[0] if alone else None
        self._low = np.array([feature.range.low for feature in features])
        self._high = np.array([feature.range.high for feature in features])
        self._nullable = np.array([feature.field.nullable for feature in features], np.bool_)

    def block(self, columns: Mapping[str, Column], refuse_too_many: Callable[[int], None]) -> NDArray[Any] | None:
        """All columns as one array (fields, n) in the type of the fields; None where these are not all of one type, or
        something is wrong. `refuse_too_many` is given the number of instances before they are looked at.
        """
        if self._only is None or len(columns) != len(self._names):
            return None
        given = [columns.get(name) for name in self._names]
        first = given[0]
        if not isinstance(first, np.ndarray) or first.dtype not in _QUICK or first.ndim != 1 or not first.size:
            return None
        dtype, shape = first.dtype, first.shape
        arrays = [it for it in given if type(it) is np.ndarray and it.dtype == dtype and it.shape == shape]
        if len(arrays) < len(given):
            return None
        refuse_too_many(len(first))
        block = np.concatenate(arrays).reshape(-1, len(first))
        return block.astype(self._only, copy=False) if self.are_sound(block) else None

    def sound(self, columns: Mapping[str, Column], n: int) -> dict[str, Column]:
        """Those of the columns in which nothing is wrong, in their fields' own types; perhaps not all of them."""
        given: list[Any] = [columns.get(name) for name in self._names]
        dtype = next((column.dtype for column in given if type(column) is np.ndarray), None)
        if n == 0 or dtype is None or dtype not in _QUICK:
            return {}
        places = [
            place
            for place, column in enumerate(given)
            if type(column) is np.ndarray and column.dtype == dtype and column.shape == (n,)
        ]
        if not places:
            return {}
        block = np.concatenate([given[place] for place in places]).reshape(-1, n)
        return {
            self._names[place]: row.astype(self._dtypes[place], copy=False)
            for place, row, sound in zip(places, block, self._within(block, places).tolist(), strict=True)
            if sound
        }

    def are_sound(self, block: NDArray[Any]) -> bool:
        """Whether nothing is wrong in a block (fields, n) of all these fields; NaN is missing."""
        return bool(self._within(block, slice(None)).all())

    def _within(self, block: NDArray[Any], places: Any) -> NDArray[np.bool_]:
        """Which rows of the block, of the fields at these places, have no number that their field refuses."""
        low, high = self._low[places], self._high[places]
        with np.errstate(invalid="ignore"):
            sound = (block.min(axis=1) >= low) & (block.max(axis=1) <= high)
            gaps = ~sound & self._nullable[places]
            if gaps.any():  # NaN has no order: here it is missing.
                rest = block[gaps]
                sound[gaps] = ~(np.fmin.reduce(rest, axis=1) < low[gaps]) & ~(np.fmax.reduce(rest, axis=1) > high[gaps])
        return sound  # type: ignore[no-any-return]


def _is_plain(field: Field) -> bool:
    return field.type in FLOATS and not field.shape


def read_arrays(
    schema: colander.SchemaNode,
    columns: Mapping[str, Column],
    problems: Problems,
    refuse_too_many: Callable[[int], None],
    floats: "PlainFloats",
) -> dict[str, Column]:
    """The columns in signature order, for Batch.from_columns; without meaning when there are problems.

    `refuse_too_many` is given the number of instances before they are looked at. `floats` are those of the schema.
    """
    row_type: RowType = schema.typ
    lengths = {name: len(column) for name, column in columns.items() if name in row_type.names and _has_length(column)}
    n = Counter(lengths.values()).most_common(1)[0][0] if lengths else 0
    refuse_too_many(max(lengths.values(), default=0))
    found: dict[str, Column] = {}
    try:
        if n == 0:
            problems.add(Fault("empty", "at least one instance", got(dict(columns))), ("columns",), None, None)
        plain = floats.sound(columns, n)
        for node in schema.children:
            name = node.name
            found[name] = plain[name] if name in plain else _read(node, columns, n, problems)
        for name in columns:
            if name not in row_type.names:
                fault = row_type.unknown_field(name, list(columns[name]) if _has_length(columns[name]) else None)
                problems.add(fault, ("columns", name), None, str(name))
    except LimitReached:
        pass
    return found


def _has_length(column: Any) -> bool:
    return isinstance(column, (np.ndarray, list, tuple)) and (not isinstance(column, np.ndarray) or column.ndim > 0)


def _read(node: colander.SchemaNode, columns: Mapping[str, Column], n: int, problems: Problems) -> Column:
    name, feature = node.name, node.typ
    if name not in columns:
        try:
            return [node.deserialize(colander.null)] * n
        except FeatureInvalid as invalid:
            for fault in invalid.faults:
                problems.add(fault, ("columns", name), None, name)
            return []
    column: Any = columns[name]
    masked = None
    if isinstance(column, np.ma.MaskedArray):
        if column.ndim == 1 and column.dtype.kind in _NUMBERS:
            column, masked = np.ma.getdata(column), np.ma.getmaskarray(column)
        else:
            column = _with_none_where_masked(column)
    if not _has_length(column):
        problems.add(Fault("type", f"an array of {n} values", type(column).__name__), ("columns", name), None, name)
    elif len(column) != n:
        fault = Fault("length", f"an array of {n} values, as in the other columns", got([*column]))
        problems.add(fault, ("columns", name), None, name)
    else:
        reader = _ColumnReader(node, feature, problems)
        numbers = isinstance(column, np.ndarray) and column.dtype.kind in _NUMBERS
        if numbers and feature.field.type not in TEXTS | BINARY:
            return reader.array(column, masked)
        return reader.values(column if masked is None else _with_none(column.tolist(), masked))
    return []


class _ColumnReader:
    """Reads one column and collects what is wrong with it."""

    def __init__(self, node: colander.SchemaNode, feature: Feature, problems: Problems) -> None:
        self.node = node
        self.feature = feature
        self.field = feature.field
        self.problems = problems
        self.path = ("columns", node.name)

    def values(self, column: Column) -> list[Any]:
        """A list, or an array of objects, each of which is a value of its own."""
        if self.field.type in TEXTS and type(column) is list and self._are_sound_texts(column):
            return column
        return [self._value(value, index) for index, value in enumerate(column)]

    def _are_sound_texts(self, column: list[Any]) -> bool:
        """Whether all are texts that the field takes, each of which is looked at once: categories come often."""
        try:
            distinct = set(column)
            if all(value is None or type(value) is str for value in distinct):
                for value in distinct:
                    self.node.deserialize(value)
                return True
        except (TypeError, FeatureInvalid):
            pass  # One by one it is told which.
        return False

    def array(self, array: Any, masked: Mask | None = None) -> Column:
        """An array of numbers or truth values, (n, *shape); with `masked`, (n,), where those are missing."""
        field = self.field
        if not takes_shape(field.shape, array.shape[1:]):
            fault = Fault("shape", f"an array of shape {_with_count(field)}", _shape_of(array))
            self.problems.add(fault, self.path, None, field.name)
            return []
        missing = _missing(array) if field.nullable else np.zeros(len(array), np.bool_)
        sound = True
        if masked is not None and masked.any():
            missing = missing | masked
            if not field.nullable:
                sound = False
                for index in np.flatnonzero(masked).tolist():
                    self._value(None, index)
        for index, path, value in self._suspects(array, missing):
            sound &= self._is_sound(value, index, path)
        return _converted(array, missing, field) if sound else []

    def _value(self, value: Any, index: int) -> Any:
        field = self.field
        if isinstance(value, np.ma.MaskedArray):
            value = _with_none_where_masked(value[np.newaxis])[0]
        if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS and field.nesting:
            return self._tensor(value, index)
        if isinstance(value, bytes) and field.type in BINARY and not field.nesting:
            return value
        try:
            return self.node.deserialize(_as_json(value, field))
        except FeatureInvalid as invalid:
            for fault in invalid.faults:
                self._add(fault, index, ())
            return None

    def _tensor(self, value: NDArray[Any], index: int) -> Any:
        """One instance's array of numbers."""
        if not takes_shape(self.field.shape, value.shape) or self.field.type in TEXTS | BINARY:
            code = "type" if self.field.type in TEXTS | BINARY else "shape"
            fault = Fault(code, f"an array of shape {shape_text(self.field.shape)}", _shape_of(value))
            self._add(fault, index, ())
            return None
        if self.field.nullable and _missing(value[np.newaxis]).any():
            return None
        sound = True
        for _, path, element in self._suspects(value[np.newaxis], np.zeros(1, np.bool_)):
            sound &= self._is_sound(element, index, path)
        with np.errstate(all="ignore"):
            return value.astype(DTYPES[self.field.type]) if sound else None

    def _suspects(self, array: NDArray[Any], missing: Mask) -> Iterator[tuple[int, tuple[int, ...], Any]]:
        """Each element that may be wrong: its instance, its place in that, and its Python value."""
        suspect = _suspicious(array, self.field)
        suspect[missing] = False
        for place in zip(*np.nonzero(suspect), strict=True):
            index, *path = map(int, place)
            yield index, tuple(path), array[place].item()

    def _is_sound(self, value: Any, index: int, path: tuple[int, ...]) -> bool:
        """Whether the field accepts an element; if not, what is wrong is noted."""
        fault = _judged(self.feature, value)
        if fault is not None:
            self._add(fault, index, path)
        return fault is None

    def _add(self, fault: Fault, index: int, path: tuple[int, ...]) -> None:
        placed = Fault(fault.code, fault.expected, fault.got, (*path, *fault.path))
        self.problems.add(placed, (*self.path, index), index, self.field.name)


def _judged(feature: Feature, value: Any) -> Fault | None:
    """What the Feature says of one element; NaN is missing, which JSON writes null."""
    if isinstance(value, complex):
        return Fault("type", feature.expected, "a complex number")
    if isinstance(value, float) and value != value:
        return Fault("type" if feature.field.nesting else "null", feature.expected, "NaN")
    return feature.fault(value)


def _suspicious(array: Any, field: Field) -> Mask:
    """A mask over all elements that has, among others, each one that the field refuses."""
    kind, limits = array.dtype.kind, range_of(field)
    if kind in "bc" or limits is None:
        return np.full(array.shape, kind == "c" or (kind == "b") != (field.type == "bool"))
    if kind in "iu":
        own = np.iinfo(array.dtype)
        low: float = math.ceil(limits.low)
        high: float = math.floor(limits.high)
        none = np.zeros(array.shape, np.bool_)
        found = (array < low if low > own.min else none) | (array > high if high < own.max else none)
        return np.asarray(found)
    with np.errstate(invalid="ignore"):
        low, high = inside_as_doubles(limits.low, limits.high) if field.type in INTEGERS else (limits.low, limits.high)
        doubles = array.astype(np.float64)
        fits = (doubles >= low) & (doubles <= high)
        return np.asarray(~(fits & (np.trunc(array) == array)) if field.type in INTEGERS else ~fits)


def _converted(array: NDArray[Any], missing: Mask, field: Field) -> Column:
    with np.errstate(all="ignore"):
        if field.type in FLOATS or not missing.any():
            converted = array.astype(DTYPES[field.type])
            if field.type in FLOATS:
                converted[missing] = np.nan  # What lies under a mask may be anything.
            return list(_with_none(converted, missing)) if field.varies else converted
        values = np.where(np.isnan(array), 0, array).astype(DTYPES[field.type])
    return _with_none(values if field.varies else values.tolist(), missing)


def _with_none(values: Any, missing: Mask) -> list[Any]:
    return [None if lacking else value for value, lacking in zip(values, missing.tolist(), strict=True)]


def _with_none_where_masked(column: np.ma.MaskedArray[Any, Any]) -> Column:
    """The values, None in the place of what is masked and of a tensor all of which is."""
    masked = np.ma.getmaskarray(column)
    if not masked.any():
        return np.ma.getdata(column)
    missing = masked.reshape(len(column), -1).all(axis=1)
    return _with_none(column.tolist(), np.asarray(missing))


def _missing(array: NDArray[Any]) -> Mask:
    if array.dtype.kind != "f" or array[:1].size == 0:
        return np.zeros(len(array), np.bool_)
    return np.asarray(np.isnan(array).reshape(len(array), -1).all(axis=1))


def _as_json(value: Any, field: Field) -> Any:
    """A value as JSON would have it: what the schema looks at."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in _STRANGE:
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_as_json(item, field) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        if field.type in BINARY:
            return write_base64(bytes(value)).decode()
        if field.type in TEXTS:
            return bytes(value).decode("utf-8", "surrogateescape")  # What is no UTF-8 is refused as such a text is.
    return value


def _with_count(field: Field) -> str:
    return f"[n, {shape_text(field.shape)[1:]}" if field.shape else "[n]"


def _shape_of(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {list(array.shape)}"
