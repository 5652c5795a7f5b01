"""Instances and actuals as JSON values: lists, dicts, numpy arrays and DataFrames, whose makers are not imported.

What is missing (None, NaN, NaT, pandas.NA) is null. Bytes are base64, and a Path is the bytes of its file. What JSON
cannot say is refused here, with its place.
"""

import base64
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

# pandas' own words for missing: one is not equal to itself, the other answers no comparison.
_MISSING: Final = frozenset({"NAType", "NaTType"})


def envelope_of(instances: Any) -> dict[str, Any]:
    """The member `instances` or `columns` of a prediction's body.

    A DataFrame, a pyarrow Table and a dict of columns are columns; a 2-D array (n, fields) has its fields in the order
    of the signature; anything else is a list of instances, each a dict by field name or a list in that order.
    Raises TypeError and ValueError, saying which column or instance.
    """
    if hasattr(instances, "to_pydict"):  # A pyarrow Table.
        instances = instances.to_pydict()
    if hasattr(instances, "columns") and hasattr(instances, "__getitem__"):
        return {"columns": _frame(instances)}
    if isinstance(instances, Mapping):
        return {"columns": {_name(name): _column(name, values) for name, values in instances.items()}}
    if hasattr(instances, "ndim"):
        if instances.ndim != 2:
            raise ValueError(
                f"An array of instances has two dimensions (instances, fields), not {instances.ndim}: one instance is "
                "array.reshape(1, -1), and tensors are a dict of columns, {'image': array}."
            )
        return {"instances": [_instance(number, row) for number, row in enumerate(instances)]}
    if isinstance(instances, str | bytes) or not isinstance(instances, Iterable):
        raise TypeError(f"Instances are a list, a dict of columns, an array or a DataFrame, not {_kind(instances)}.")
    return {"instances": [_instance(number, row) for number, row in enumerate(instances)]}


def plain(value: Any) -> Any:
    """The JSON value of a Python, numpy or pandas value: bytes, and the file of a Path, as base64.

    Raises TypeError, ValueError for an infinite number, and OSError for a file that cannot be read.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError("JSON cannot say infinity")
        return None if value != value else value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, Path):
        return base64.b64encode(value.read_bytes()).decode()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_name(name): plain(item) for name, item in value.items()}
    if type(value).__name__ in _MISSING:
        return None
    if hasattr(value, "dtype"):
        return _of_array(value)
    raise TypeError(f"JSON has no word for {_kind(value)}: give a number, a text or a list")


def _of_array(value: Any) -> Any:
    """The value of a numpy scalar, an array or a Series."""
    if getattr(value.dtype, "kind", "") in "mM":
        # As a list, a time in nanoseconds would silently be a whole number.
        if getattr(value, "ndim", 0) == 0 and value != value:
            return None
        raise TypeError(f"JSON has no word for {value.dtype}: give a number or a text")
    listed = _listed(value)
    if type(listed) is type(value):  # Such as numpy.longdouble, which no Python number can hold.
        raise TypeError(f"JSON has no word for {_kind(value)}: give a number, a text or a list")
    return plain(listed)


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value.to_list()


def _frame(frame: Any) -> dict[str, Any]:
    names = list(frame.columns)
    twice = {str(name) for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"The DataFrame has these columns twice: {', '.join(sorted(twice))}.")
    return {_name(name): _column(name, frame[name].to_list()) for name in names}


def _column(name: Any, values: Any) -> list[Any]:
    try:
        found = plain(values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Column {name!r}: {error}.") from None
    if not isinstance(found, list):
        raise TypeError(f"Column {name!r} must be a list, a value for each instance; one instance alone is [{{…}}].")
    return found


def _instance(number: int, row: Any) -> Any:
    try:
        # A row of a DataFrame, as `iterrows` gives it, knows its fields' names.
        found = plain(row.to_dict() if hasattr(row, "to_dict") else row)
    except (TypeError, ValueError) as error:
        raise type(error)(f"Instance {number}: {error}.") from None
    if not isinstance(found, list | dict):
        raise TypeError(f"Instance {number} must be a dict by field name or a list of values, not {_kind(row)}.")
    return found


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"The field name {name!r} is no text; name the columns as the signature does.")
    return name


def _kind(value: Any) -> str:
    return f"a value of type {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
