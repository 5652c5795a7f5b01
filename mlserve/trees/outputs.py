"""From a model's numbers to the outputs of its signature: the answer as it is, and a label made of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import OutputField, Signature

Values = NDArray[np.floating[Any]]
Column = Callable[[Values], np.ndarray]

LABEL: Final = "label"


@dataclass(frozen=True)
class Answer:
    """What a model answers by itself: one number a row, or one for each class, target or quantile.

    `field` is its own output. `classes` is how many classes a label may name: 0 where there is none to name. `cut` is
    the scale that a label's threshold, a probability, is compared on; None where the likeliest class is the label.
    """

    objective: str
    field: OutputField
    classes: int = 0
    cut: Literal["probability", "log-odds"] | None = None


class Outputs:
    """The answers of one version: its signature's outputs, made from the library's numbers (n, width)."""

    def __init__(self, answer: Answer, signature: Signature) -> None:
        """Raises SignatureError where the signature asks for what the model does not answer."""
        own = answer.field
        self._columns: dict[str, Column] = {}
        for output in signature.outputs:
            if output.name == LABEL:
                self._columns[LABEL] = _label(answer, output)
            elif output.name == own.name:
                _require_same(own, output)
                self._columns[own.name] = _all_columns if own.shape else _only_column
            else:
                hint = " and, where its categories are given, 'label'" if answer.classes else ""
                raise SignatureError(
                    f"The signature has the output {output.name!r}, and the objective {answer.objective} answers "
                    f"{own.name!r}{hint}."
                )

    def __call__(self, values: Values) -> dict[str, np.ndarray]:
        """Each output's array, its first axis n long."""
        return {name: column(values) for name, column in self._columns.items()}


def _label(answer: Answer, label: OutputField) -> Column:
    """The class of each row as its number, which is its place among the label's categories."""
    own, classes = answer.field, answer.classes
    if not classes:
        raise SignatureError(
            f"The signature has the output 'label', and this {answer.objective} model has no classes to name: "
            "remove it."
        )
    if label.shape != (own.shape if own.name == LABEL else ()):
        raise SignatureError(f"The output 'label' cannot have the shape {label.shape}.")
    if label.type == "category" and len(label.categories) != classes:
        raise SignatureError(f"The output 'label' needs {classes} categories and has {len(label.categories)}.")
    if label.type not in ("category", "int32", "int64"):
        raise SignatureError(f"The output 'label' cannot be of type {label.type}: write category or int32.")
    if answer.cut is None:
        if label.threshold is not None:
            raise SignatureError(
                f"The objective {answer.objective} has no threshold: remove it from the output 'label'."
            )
        return _given_class if own.name == LABEL else _likeliest_class
    return _above(_limit(answer, 0.5 if label.threshold is None else label.threshold))


def _limit(answer: Answer, threshold: float) -> float:
    """The least answer of the second class: the threshold is a probability whatever scale the model answers on."""
    if not 0 <= threshold <= 1:
        raise SignatureError(f"The threshold of the output 'label' is {threshold}: it is a probability, 0 to 1.")
    if answer.cut == "probability":
        return threshold
    if threshold in (0, 1):
        return math.inf if threshold else -math.inf
    return math.log(threshold / (1 - threshold))


def _above(limit: float) -> Column:
    def label(values: Values) -> np.ndarray:
        # Compared in the type of the answer: as float32, a probability that reads 0.7 is not below a threshold of 0.7.
        above: NDArray[np.bool_] = values[:, 0] >= values.dtype.type(limit)
        return above.astype(np.int32)

    return label


def _likeliest_class(values: Values) -> np.ndarray:
    return np.asarray(values.argmax(axis=1), np.int32)


def _given_class(values: Values) -> np.ndarray:
    whole: NDArray[np.int32] = values.astype(np.int32)
    return whole.reshape(-1) if whole.shape[1] == 1 else whole


def _all_columns(values: Values) -> np.ndarray:
    return values


def _only_column(values: Values) -> np.ndarray:
    return values[:, 0]


def _require_same(own: OutputField, output: OutputField) -> None:
    if output.shape != own.shape or output.type not in ("float32", "float64"):
        raise SignatureError(
            f"The signature has the output {output.name!r} as {output.type} {output.shape}, and the model answers "
            f"{own.type} {own.shape}."
        )
