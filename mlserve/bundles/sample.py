"""Sample: the rows that a model is packed with, read from a file or taken from memory, with what the data itself says
of its types. A cell is a JSON value or bytes, None where it is missing; the cells of a CSV are texts."""

import csv
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlserve.bundles.canonical import file_sha256
from mlserve.errors import BundleError
from mlserve.names import named_twice
from mlserve.signature.fields import FieldType

_INSTALL = "reading Parquet needs pyarrow: pip install 'pyramid-mlserve[package]', or give a CSV"


@dataclass(frozen=True)
class Column:
    """The cells of one column, and what the data declares of it: a type, categories in their order, no missing cells.

    What only happens to be so in these rows is no declaration. A CSV declares one thing: a column of true and false
    holds truth values, as a data frame's does.
    """

    cells: list[Any]
    type: FieldType | None = None
    categories: tuple[str, ...] = ()
    never_missing: bool = False


@dataclass(frozen=True)
class Sample:
    """`rows` rows; `typed` is False where cells are texts. `origin` says in plain JSON where they come from."""

    columns: Mapping[str, Column]
    rows: int
    typed: bool
    origin: Mapping[str, Any] = field(default_factory=dict)


def read_sample(data: Any) -> Sample:
    """The sample of a Parquet or CSV file, a pyarrow Table, a pandas DataFrame, or a mapping of columns.

    Raises BundleError with one sentence: no such file, another kind of file, no rows, columns of different lengths.
    """
    if data is None:
        raise BundleError("There are no rows to package the model with: give real ones as data (--data).")
    sample = _from_file(Path(data)) if isinstance(data, str | Path) else _from_memory(data)
    if not sample.rows:
        raise BundleError("The data has no rows: packaging needs real ones.")
    return sample


def _from_file(path: Path) -> Sample:
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            columns = _csv_columns(path)
        elif suffix in (".parquet", ".pq"):
            columns = _arrow_columns(_parquet(path))
        else:
            raise BundleError(f"{path} is neither a .parquet nor a .csv file.")
        rows = _rows_of(columns)
        origin = {"location": str(path), "sha256": file_sha256(path), "rows": rows}
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}.") from error
    return Sample(columns, rows, suffix != ".csv", origin)


def _csv_columns(path: Path) -> dict[str, Column]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            reader = csv.reader(file, strict=True)
            names = next(reader, [])
            rows = [row for row in reader if row]
        except (csv.Error, UnicodeDecodeError) as error:
            raise BundleError(f"{path} is not CSV in UTF-8: {error}.") from error
    if (twice := named_twice(names)) is not None:
        raise BundleError(f"The first line of {path} names {twice!r} twice.")
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise BundleError(f"Row {number} of {path} has {len(row)} cells, and the first line {len(names)}.")
    columns = {name: [row[at] or None for row in rows] for at, name in enumerate(names)}
    return {name: Column(cells, "bool" if _are_truths(cells) else None) for name, cells in columns.items()}


def _are_truths(cells: list[str | None]) -> bool:
    words = {cell if cell is None else cell.strip().lower() for cell in cells} - {None}
    return bool(words) and words <= {"true", "false"}


def _parquet(path: Path) -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BundleError(f"{path} cannot be read: {_INSTALL}.") from error
    try:
        return parquet.read_table(path, partitioning=None)
    except pyarrow.ArrowException as error:
        raise BundleError(f"{path} is not Parquet: {str(error).splitlines()[0].rstrip('.')}.") from error


def _arrow_columns(table: Any) -> dict[str, Column]:
    from pyarrow import types

    if len({*table.column_names}) != len(table.column_names):
        raise BundleError("The data has two columns of one name.")
    table = table.unify_dictionaries()
    columns = {}
    for entry in table.schema:
        values = table.column(entry.name)
        categories: tuple[str, ...] = ()
        if types.is_dictionary(entry.type):
            known = values.chunk(0).dictionary.to_pylist() if values.num_chunks else []
            categories = tuple(map(str, known))
        kind = _arrow_type(types, entry.type)
        columns[entry.name] = _column(values.to_pylist(), kind, categories, not entry.nullable)
    return columns


def _arrow_type(types: Any, kind: Any) -> FieldType | None:
    if types.is_dictionary(kind):
        return "category"
    if types.is_boolean(kind):
        return "bool"
    if types.is_integer(kind):
        if types.is_uint64(kind):
            return "uint64"
        return "int32" if kind.bit_width < 32 or types.is_int32(kind) else "int64"
    if types.is_floating(kind):
        return "float64" if kind.bit_width == 64 else "float32"
    if any(is_binary(kind) for is_binary in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)):
        return "bytes"
    return "string" if types.is_string(kind) or types.is_large_string(kind) else None


def _from_memory(data: Any) -> Sample:
    if hasattr(data, "column_names") and hasattr(data, "schema"):
        columns = _arrow_columns(data)
    elif hasattr(data, "columns") and hasattr(data, "dtypes"):
        columns = {str(name): _series(data[name]) for name in data.columns}
    elif isinstance(data, Mapping):
        columns = {str(name): _values(values) for name, values in data.items()}
    else:
        raise BundleError(f"Data cannot be taken from a {type(data).__name__}: give a file, a DataFrame or columns.")
    rows = _rows_of(columns)
    text = json.dumps([[name, column.cells] for name, column in columns.items()], default=str)
    origin = {"location": None, "sha256": hashlib.sha256(text.encode()).hexdigest(), "rows": rows}
    return Sample(columns, rows, True, origin)


def _series(series: Any) -> Column:
    """A pandas Series; pandas itself is never imported here."""
    missing, cells = series.isna().tolist(), series.tolist()
    cells = [None if lacking else cell for cell, lacking in zip(cells, missing, strict=True)]
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        return _column(cells, "category", tuple(map(str, dtype.categories.tolist())))
    return _column(cells, _numpy_type(getattr(dtype, "numpy_dtype", dtype)))


def _values(values: Any) -> Column:
    if isinstance(values, np.ndarray):
        return _column(values.tolist(), _numpy_type(values.dtype) if values.ndim == 1 else None)
    if hasattr(values, "isna") and hasattr(values, "dtype"):
        return _series(values)
    return _column(list(values), None)


def _numpy_type(dtype: Any) -> FieldType | None:
    kind, size = getattr(dtype, "kind", "O"), getattr(dtype, "itemsize", 8)
    if kind == "b":
        return "bool"
    if kind == "u" and size == 8:
        return "uint64"
    if kind in "iu":
        return "int32" if size < 4 or (kind == "i" and size == 4) else "int64"
    if kind == "f":
        return "float64" if size > 4 else "float32"
    return None


def _column(
    cells: list[Any], kind: FieldType | None, categories: tuple[str, ...] = (), never_missing: bool = False
) -> Column:
    cells = [_plain(cell) for cell in cells]
    if kind == "category":
        cells = [None if cell is None else str(cell) for cell in cells]
    elif kind not in ("bool", "int32", "int64", "uint64", "string", "bytes"):
        cells = [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]
    return Column(cells, kind, categories, never_missing)


def _plain(cell: Any) -> Any:
    """A cell without numpy in it: a tensor as nested lists, also where it came as arrays in an array or a list."""
    if isinstance(cell, np.generic | np.ndarray):
        cell = cell.tolist()
    return [_plain(item) for item in cell] if isinstance(cell, list | tuple) else cell


def _rows_of(columns: Mapping[str, Column]) -> int:
    lengths = {len(column.cells) for column in columns.values()}
    if len(lengths) > 1:
        raise BundleError("The data's columns are of different lengths.")
    return next(iter(lengths), 0)
