"""What each objective answers: the named outputs, and how they come from the library's numbers."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import OutputField, Signature
from mlserve_xgboost.model_file import ModelFile

Values = NDArray[np.float32]
Column = Callable[[Values], np.ndarray]

LABEL: Final = "label"
_BINARY: Final = ("binary:logistic", "binary:logitraw", "binary:hinge")


@dataclass(frozen=True)
class _Answer:
    name: str
    description: str


_ANSWERS: Final[dict[str, _Answer]] = {
    "binary:logistic": _Answer("probability", "probability of the second class"),
    "binary:logitraw": _Answer("margin", "log-odds of the second class"),
    "binary:hinge": _Answer(LABEL, "class, 0 or 1"),
    "multi:softprob": _Answer("probability", "probability of each class"),
    "multi:softmax": _Answer(LABEL, "class, counted from 0"),
    "reg:squarederror": _Answer("value", "predicted value"),
    "reg:linear": _Answer("value", "predicted value"),  # What XGBoost called it before 0.90.
    "reg:squaredlogerror": _Answer("value", "predicted value"),
    "reg:pseudohubererror": _Answer("value", "predicted value"),
    "reg:absoluteerror": _Answer("value", "predicted median"),
    "reg:logistic": _Answer("value", "predicted share, between 0 and 1"),
    "reg:gamma": _Answer("value", "predicted mean, above 0"),
    "reg:tweedie": _Answer("value", "predicted mean, above 0"),
    "count:poisson": _Answer("value", "expected count"),
    "reg:quantileerror": _Answer("quantile", "predicted quantile"),
    "rank:ndcg": _Answer("score", "rank score, comparable within one query only"),
    "rank:map": _Answer("score", "rank score, comparable within one query only"),
    "rank:pairwise": _Answer("score", "rank score, comparable within one query only"),
    "survival:cox": _Answer("risk", "hazard ratio"),
    "survival:aft": _Answer("time", "predicted survival time"),
}


def outputs_of(file: ModelFile) -> tuple[OutputField, ...]:
    """The outputs that the file itself tells of. Raises SignatureError for an objective that is not known here."""
    answer = _ANSWERS.get(file.objective)
    if answer is None:
        raise SignatureError(
            f"The objective {file.objective!r} is not supported; these are: {', '.join(sorted(_ANSWERS))}."
        )
    width = width_of(file)
    shape = () if width == 1 else (width,)
    if answer.name == LABEL:
        return (OutputField(LABEL, "int32", shape, description=answer.description),)
    description = answer.description
    categories: tuple[str, ...] = ()
    if file.alphas and not shape:
        description = f"predicted {file.alphas[0]:g} quantile"
    elif len(set(file.alphas)) == width:
        categories = tuple(f"{alpha:g}" for alpha in file.alphas)
    return (OutputField(answer.name, "float32", shape, categories, description=description),)


def width_of(file: ModelFile) -> int:
    """How many numbers the library gives for one row."""
    if file.objective == "multi:softmax":
        return 1
    return max(file.classes, file.targets)


class Outputs:
    """The answers of one version: its signature's outputs, made from the library's numbers (n, width)."""

    def __init__(self, file: ModelFile, signature: Signature) -> None:
        """Raises SignatureError where the signature asks for what the model does not answer."""
        (own,) = outputs_of(file)
        self._columns: dict[str, Column] = {}
        for output in signature.outputs:
            if output.name == LABEL:
                self._columns[LABEL] = _label(file, own, output)
            elif output.name == own.name:
                _require_same(own, output)
                self._columns[own.name] = _all_columns if own.shape else _only_column
            else:
                raise SignatureError(
                    f"The signature has the output {output.name!r}, and the objective {file.objective} answers "
                    f"{own.name!r}{_label_hint(file)}."
                )

    def __call__(self, values: Values, wanted: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Each output's array, its first axis n long; all of them, or only the `wanted`."""
        if wanted is None:
            return {name: column(values) for name, column in self._columns.items()}
        return {name: self._columns[name](values) for name in wanted}


def _label(file: ModelFile, own: OutputField, label: OutputField) -> Column:
    """The class of each row as its number, which is its place among the label's categories."""
    classes = _number_of_classes(file, own)
    if label.shape != (own.shape if own.name == LABEL else ()):
        raise SignatureError(f"The output 'label' cannot have the shape {label.shape}.")
    if label.type == "category" and len(label.categories) != classes:
        raise SignatureError(f"The output 'label' needs {classes} categories and has {len(label.categories)}.")
    if label.type not in ("category", "int32", "int64"):
        raise SignatureError(f"The output 'label' cannot be of type {label.type}: write category or int32.")
    if own.name == LABEL or classes > 2 or file.objective.startswith("multi:"):
        if label.threshold is not None:
            raise SignatureError(f"The objective {file.objective} has no threshold: remove it from the output 'label'.")
        return _given_class if own.name == LABEL else _likeliest_class
    return _above(_cut(file, 0.5 if label.threshold is None else label.threshold))


def _number_of_classes(file: ModelFile, own: OutputField) -> int:
    if file.classes:
        return file.classes
    if file.objective in _BINARY and (not own.shape or own.name == LABEL):
        return 2
    raise SignatureError(
        f"The signature has the output 'label', and this {file.objective} model has no classes to name: remove it."
    )


def _cut(file: ModelFile, threshold: float) -> float:
    """The least answer of the second class: the threshold is a probability whatever scale the model answers on."""
    if not 0 <= threshold <= 1:
        raise SignatureError(f"The threshold of the output 'label' is {threshold}: it is a probability, 0 to 1.")
    if file.objective == "binary:logistic":
        return threshold
    if threshold in (0, 1):
        return math.inf if threshold else -math.inf
    return math.log(threshold / (1 - threshold))


def _above(cut: float) -> Column:
    # Compared as float32, as the probability is answered: one that reads 0.7 is not below a threshold of 0.7.
    limit = np.float32(cut)

    def label(values: Values) -> np.ndarray:
        above: NDArray[np.bool_] = values[:, 0] >= limit
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


def _label_hint(file: ModelFile) -> str:
    return " and, where its categories are given, 'label'" if file.classes or file.objective in _BINARY else ""
