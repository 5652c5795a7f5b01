"""What each objective answers: its own output, and what a label may be made of."""

from dataclasses import dataclass
from typing import Final

from mlserve.errors import SignatureError
from mlserve.signature import OutputField
from mlserve.trees import Answer
from mlserve_lightgbm.model_file import ModelFile


@dataclass(frozen=True)
class _Words:
    name: str
    description: str


_SCORE: Final = _Words("score", "rank score, comparable within one query only")
_ANSWERS: Final[dict[str, _Words]] = {
    "binary": _Words("probability", "probability of the second class"),
    "multiclass": _Words("probability", "probability of each class"),
    "multiclassova": _Words("probability", "probability of each class against all others; they do not add up to 1"),
    "cross_entropy": _Words("probability", "probability"),
    "cross_entropy_lambda": _Words("value", "predicted intensity, above 0"),
    "regression": _Words("value", "predicted value"),
    "regression_l1": _Words("value", "predicted median"),
    "huber": _Words("value", "predicted value"),
    "fair": _Words("value", "predicted value"),
    "mape": _Words("value", "predicted value"),
    "poisson": _Words("value", "expected count"),
    "gamma": _Words("value", "predicted mean, above 0"),
    "tweedie": _Words("value", "predicted mean, above 0"),
    "quantile": _Words("quantile", "predicted quantile"),
    "lambdarank": _SCORE,
    "rank_xendcg": _SCORE,
    "custom": _Words("raw", "sum of the trees' leaves: what it means, the model's objective knew"),
}


def outputs_of(file: ModelFile) -> tuple[OutputField, ...]:
    """The output that the file itself tells of. Raises SignatureError for an objective that is not known here."""
    words = _ANSWERS.get(file.objective)
    if words is None:
        raise SignatureError(
            f"The objective {file.objective!r} is not supported; these are: {', '.join(sorted(_ANSWERS))}."
        )
    description = words.description
    if file.objective == "quantile" and (alpha := file.parameters.get("alpha")):
        description = f"predicted {alpha} quantile"
    shape = () if file.classes == 1 else (file.classes,)
    return (OutputField(words.name, "float64", shape, description=description),)


def answer_of(file: ModelFile) -> Answer:
    """The model's own output, and what a label may be made of. Raises SignatureError."""
    (own,) = outputs_of(file)
    if file.objective in ("binary", "cross_entropy"):
        return Answer(file.objective, own, 2, "probability")
    return Answer(file.objective, own, file.classes if own.name == "probability" and file.classes > 1 else 0)
