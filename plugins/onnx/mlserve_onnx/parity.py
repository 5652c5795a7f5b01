"""The gate of a converted model: it answers as the library does, or it does not answer at all.

The rows are chosen for where two programs that read the same trees come apart: at each threshold and just beside it,
missing, infinite and zero values, and categories that training did not see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TOLERANCE: Final = 1e-6  # of the absolute or the relative difference, whichever is smaller, as golden rows have it
_RANDOM_ROWS: Final = 500
_MOST_THRESHOLDS: Final = 2_000  # Three rows each; more of them are drawn from.
_PART: Final = 1_000  # rows asked at once; besides, each way of asking is tried on the first ones
_MOST_TOLD: Final = 3  # numbers of an answer that a reason names

Matrix = NDArray[np.floating[Any]]
Ask = Callable[[Any], Matrix]


@dataclass(frozen=True, eq=False)
class Probe:
    """What the rows are made of: the trees' questions, by feature.

    `features` and `thresholds` (k,) are all splits by number. `highest` (features,) is the highest category code of
    each feature, -1 for one that is split by number.
    """

    features: NDArray[np.int64]
    thresholds: NDArray[Any]
    highest: NDArray[np.int64]


def rows_of(probe: Probe, dtype: type[np.floating[Any]]) -> Matrix:
    """The rows that both are asked, (n, features) in C order; the same ones each time."""
    chance = np.random.default_rng(20_26)
    base = _random(probe, chance, _RANDOM_ROWS)
    holed = np.where(chance.random(base.shape) < 0.3, np.nan, base)
    holed[0] = np.nan
    zeros = np.where(chance.random(base.shape) < 0.5, chance.choice([0.0, -0.0], base.shape), base)
    endless = np.where(_by_number(probe) & (chance.random(base.shape) < 0.2), np.inf, base)
    endless *= chance.choice([-1.0, 1.0], base.shape) ** _by_number(probe)
    strange = [np.where(_by_number(probe), base, code) for code in (probe.highest + 1, probe.highest + 40, -1.0)]
    at = _at_thresholds(probe, chance, dtype)
    return np.ascontiguousarray(np.concatenate([base, holed, zeros, endless, *strange, at]), dtype)


def refusal(exact: Ask, converted: Ask, rows: Matrix) -> str | None:
    """Why the converted model may not answer, in a sentence; None where it may."""
    for start in range(0, len(rows), _PART):
        part = rows[start : start + _PART]
        expected, got = exact(part), converted(part)
        if expected.shape != got.shape:
            return f"The converted model answers the shape {got.shape}, where the library answers {expected.shape}."
        apart = _apart(np.asarray(expected, np.float64), np.asarray(got, np.float64))
        if not (apart <= TOLERANCE).all():
            row = int(np.argmax(np.max(np.nan_to_num(apart, nan=np.inf), axis=1)))
            return f"The converted model answers {_told(got[row])}, where the library answers {_told(expected[row])}."
        if expected.shape[1] > 1 and (expected.argmax(axis=1) != got.argmax(axis=1)).any():
            return "The converted model's likeliest class is not always the library's."
        if expected.shape[1] == 1 and ((expected >= 0.5) != (got >= 0.5)).any():
            return "The converted model's answer is not always on the library's side of 0.5."
    alone = np.concatenate([converted(rows[at : at + 1]) for at in range(0, len(rows), max(1, len(rows) // 100))])
    together = converted(rows)[:: max(1, len(rows) // 100)]
    same = np.array_equal(alone, together, equal_nan=True)
    return None if same else "The converted model answers a row otherwise alone than among others."


def _told(answer: Matrix) -> str:
    """The first numbers of a row's answer, as many digits each as tell it from all others."""
    numbers = [str(value) for value in answer[:_MOST_TOLD]]
    return ", ".join([*numbers, "…"] if len(answer) > _MOST_TOLD else numbers)


def _apart(expected: Matrix, got: Matrix) -> Matrix:
    """How far two answers are apart: 0 where they are the same, also where both are infinite or not a number."""
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(expected - got)
        relative = difference / np.maximum(np.abs(expected), np.abs(got))
    return np.where(same, 0.0, np.minimum(difference, relative))


def _random(probe: Probe, chance: np.random.Generator, n: int) -> Matrix:
    """Rows near the thresholds of each feature, whole codes where it is a category."""
    matrix = chance.normal(size=(n, probe.highest.size)) * 3
    for feature in range(probe.highest.size):
        if probe.highest[feature] >= 0:
            matrix[:, feature] = chance.integers(0, probe.highest[feature] + 1, n)
            continue
        own = probe.thresholds[probe.features == feature]
        own = np.unique(own[np.isfinite(own)]).astype(np.float64)
        if own.size:
            noise = chance.normal(size=n) * max(float(own.std()), abs(float(own[0])) * 0.1, 1e-3)
            matrix[:, feature] = chance.choice(own, n) + noise * (chance.random(n) < 0.8)
    return matrix


def _by_number(probe: Probe) -> NDArray[np.bool_]:
    return np.asarray(probe.highest < 0, np.bool_)


def _at_thresholds(probe: Probe, chance: np.random.Generator, dtype: type[np.floating[Any]]) -> Matrix:
    """For each threshold a row that has it, one just below and one just above, in float32 and in the model's type."""
    pairs = np.unique(
        np.stack([probe.features.astype(np.float64), probe.thresholds.astype(np.float64)], axis=1), axis=0
    )
    if len(pairs) > _MOST_THRESHOLDS:
        pairs = pairs[np.sort(chance.choice(len(pairs), _MOST_THRESHOLDS, replace=False))]
    if not len(pairs):
        return np.empty((0, probe.highest.size))
    features, values = pairs[:, 0].astype(np.int64), pairs[:, 1]
    beside: list[Matrix] = []
    kinds: list[type[np.floating[Any]]] = [np.float32, *([] if dtype is np.float32 else [dtype])]
    with np.errstate(over="ignore"):
        for kind in kinds:
            own = values.astype(kind)
            beside += [own, np.nextafter(own, kind(-np.inf)), np.nextafter(own, kind(np.inf))]
    rows = _random(probe, chance, len(pairs))
    found = []
    for column in beside:
        changed = rows.copy()
        changed[np.arange(len(pairs)), features] = column
        found.append(changed)
    return np.concatenate(found)
