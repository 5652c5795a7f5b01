"""Bounds of scores as a person writes them: `auc=0.70`, `0.005`, `rmse=2`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

# Whether more is better, by the score's name.
MORE_IS_BETTER: Final = {
    "auc": True,
    "log_loss": False,
    "brier": False,
    "accuracy": True,
    "recall": True,
    "precision": True,
    "f1": True,
    "rmse": False,
    "mae": False,
    "r2": True,
}
# Where a label begins trades one of these for another: to be worse in one is no fault unless somebody says so.
ON_REQUEST: Final = frozenset({"recall", "precision", "f1"})
_OTHER_NAMES: Final = {"logloss": "log_loss", "roc_auc": "auc", "brier_score": "brier", "f1_score": "f1"}


@dataclass(frozen=True)
class Bound:
    """A score that must be at least (`least`) or at most `limit`; equal is well."""

    score: str
    limit: float
    least: bool

    @property
    def name(self) -> str:
        return f"{'min' if self.least else 'max'} {self.score}"

    def holds(self, found: float) -> bool:
        return found >= self.limit if self.least else found <= self.limit


@dataclass(frozen=True)
class Tolerances:
    """By how much a score may be worse, in its own unit."""

    usual: float = 0.0
    by_score: Mapping[str, float] = field(default_factory=dict)

    def asks(self, score: str) -> bool:
        """Whether the score is to be compared at all."""
        return score not in ON_REQUEST or score in self.by_score

    def of(self, score: str) -> float:
        return self.by_score.get(score, self.usual)


def read_bound(text: str, *, least: bool) -> Bound:
    """The bound of `auc=0.70`. Raises ValueError with the end of a sentence that begins "write"."""
    name, equals, number = text.partition("=")
    if not equals:
        raise ValueError("a score and a number, such as auc=0.7")
    return Bound(_score(name), _number(number), least)


def read_tolerances(texts: Sequence[str]) -> Tolerances:
    """The tolerances of `0.005` and `rmse=2`. Raises ValueError with the end of a sentence that begins "write"."""
    usual, by_score = 0.0, {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        found = _number(number)
        if found < 0:
            raise ValueError("a number that is not negative")
        if equals:
            by_score[_score(name)] = found
        else:
            usual = found
    return Tolerances(usual, by_score)


def _score(text: str) -> str:
    name = text.strip().lower()
    name = _OTHER_NAMES.get(name, name)
    if name not in MORE_IS_BETTER:
        begun = [score for score in MORE_IS_BETTER if name and score.startswith(name)]
        near = begun or get_close_matches(name, MORE_IS_BETTER, 1)
        raise ValueError(f"one of {', '.join(MORE_IS_BETTER)}" + (f" (did you mean {near[0]}?)" if near else ""))
    return name


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("a number such as 0.7")
    return number
