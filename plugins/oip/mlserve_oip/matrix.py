"""One tensor of numbers for all fields of a model: for clients that send a feature matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Field, Signature

_TRUTH = {0.0: False, 1.0: True}


def columns_of(matrix: NDArray[Any], signature: Signature) -> dict[str, NDArray[Any] | list[Any]]:
    """The columns of a matrix (n, k) of floats by field, not checked yet; NaN is missing, 0 and 1 are bools."""
    return {field.name: _column(matrix[:, at], field) for at, field in enumerate(signature.inputs)}


def _column(values: NDArray[Any], field: Field) -> NDArray[Any] | list[Any]:
    if field.type != "bool":
        return values
    if ((values == 0) | (values == 1)).all():
        return values.astype(np.bool_)
    return [None if value != value else _TRUTH.get(value, value) for value in values.tolist()]
