"""What each objective answers: its own output, and what a label may be made of."""

from dataclasses import dataclass
from typing import Final, Literal

from mlserve.errors import SignatureError
from mlserve.signature import OutputField
from mlserve.trees import LABEL, Answer
from mlserve_xgboost.model_file import ModelFile

_BINARY: Final = ("binary:logistic", "binary:logitraw", "binary:hinge")
# The scale of the answer that a label's threshold is compared with; hinge answers the class itself.
_CUTS: Final[dict[str, Literal["probability", "log-odds"]]] = {
    "binary:logistic": "probability",
    "binary:logitraw": "log-odds",
}


@dataclass(frozen=True)
class _Words:
    name: str
    description: str


_ANSWERS: Final[dict[str, _Words]] = {
    "binary:logistic": _Words("probability", "probability of the second class"),
    "binary:logitraw": _Words("margin", "log-odds of the second class"),
    "binary:hinge": _Words(LABEL, "class, 0 or 1"),
    "multi:softprob": _Words("probability", "probability of each class"),
    "multi:softmax": _Words(LABEL, "class, counted from 0"),
    "reg:squarederror": _Words("value", "predicted value"),
    "reg:linear": _Words("value", "predicted value"),  # What XGBoost called it before 0.90.
    "reg:squaredlogerror": _Words("value", "predicted value"),
    "reg:pseudohubererror": _Words("value", "predicted value"),
    "reg:absoluteerror": _Words("value", "predicted median"),
    "reg:logistic": _Words("value", "predicted share, between 0 and 1"),
    "reg:gamma": _Words("value", "predicted mean, above 0"),
    "reg:tweedie": _Words("value", "predicted mean, above 0"),
    "count:poisson": _Words("value", "expected count"),
    "reg:quantileerror": _Words("quantile", "predicted quantile"),
    "rank:ndcg": _Words("score", "rank score, comparable within one query only"),
    "rank:map": _Words("score", "rank score, comparable within one query only"),
    "rank:pairwise": _Words("score", "rank score, comparable within one query only"),
    "survival:cox": _Words("risk", "hazard ratio"),
    "survival:aft": _Words("time", "predicted survival time"),
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


def answer_of(file: ModelFile) -> Answer:
    """The model's own output, and what a label may be made of. Raises SignatureError."""
    (own,) = outputs_of(file)
    if file.classes:
        return Answer(file.objective, own, file.classes)
    if file.objective not in _BINARY or (own.shape and own.name != LABEL):
        return Answer(file.objective, own)
    return Answer(file.objective, own, 2, _CUTS.get(file.objective))
