"""The objects that a model is made of, and how one is refused."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from mlserve.errors import BundleError

_PLAIN: Final = (str, bytes, int, float, complex, bool, type(None), np.generic, type)


def objects_in(model: Any) -> Iterator[Any]:
    """Every object that a model is made of, once, itself first."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        found = waiting.pop()
        if isinstance(found, _PLAIN) or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list | tuple | set):
            waiting += found
        elif isinstance(found, np.ndarray):
            waiting += found.ravel().tolist() if found.dtype == object else []
        else:
            yield found
            waiting += vars(found).values() if hasattr(found, "__dict__") else []
            if isinstance(found, partial):
                waiting += (found.func, found.args, found.keywords)


def require(holds: Any, sentence: str) -> None:
    """Raises BundleError with the sentence where something does not hold."""
    if not holds:
        raise BundleError(sentence)


def has(model: Any, name: str) -> bool:
    """Whether an estimator has been fitted so far that it has this."""
    return vars(model).get(name) is not None


def features_of(model: Any) -> int:
    """How many features an estimator holds its callers to. Raises BundleError where it does not."""
    count = vars(model).get("n_features_in_")
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
        raise BundleError(f"The {type(model).__name__} in the model does not say how many features it takes.")
    return int(count)


def require_matrix(model: Any, name: str, rows: int | None = None, columns: int | None = None) -> None:
    """Raises BundleError where an attribute is no matrix of numbers with that many rows and columns."""
    value = getattr(model, name)
    shape: tuple[int, ...] = getattr(value, "shape", ())
    kind = getattr(getattr(value, "dtype", None), "kind", "O")
    require(
        len(shape) == 2
        and shape[0] > 0
        and kind in "fiub"
        and (rows is None or shape[0] == rows)
        and (columns is None or shape[1] == columns),
        f"{name} of the {type(model).__name__} in the model has the shape {list(shape)}, which the model cannot use.",
    )


def numbers_in(values: Any, end: int) -> bool:
    """Whether all are whole numbers from 0 up to, and without, `end`."""
    array = np.asarray(values)
    return not array.size or bool(array.dtype.kind in "iu" and array.min() >= 0 and array.max() < end)
