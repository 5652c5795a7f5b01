"""How good answers are, against what really happened. Numbers are float64 and rounded to nine digits.

A score that the rows do not define (an AUC of one class, an R² of a constant) is left out.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Classes = NDArray[np.intp]

_DIGITS = 9
_EPSILON = float(np.finfo(np.float64).eps)


def classification(
    classes: Classes,
    probabilities: Numbers | None,
    labels: Classes | None,
    scores: Numbers | None = None,
    count: int = 2,
) -> dict[str, float]:
    """auc, log_loss, brier, accuracy, recall, precision and f1, as far as they can be known.

    `classes` (n,) are what happened, counted from 0. `probabilities` are (n, k), the rows adding up to 1; `labels` (n,)
    the classes answered, else the likeliest ones; `scores` (n,) any number that grows with the second class, where
    there are no probabilities. `count` is k.
    """
    found: dict[str, float] = {}
    if probabilities is not None:
        scores = probabilities[:, 1] if probabilities.shape[1] == 2 else None
        found["auc"] = auc(classes == 1, scores) if scores is not None else auc_of_many(classes, probabilities)
        found["log_loss"] = log_loss(classes, probabilities)
        found["brier"] = brier(classes, probabilities)
        labels = probabilities.argmax(axis=1) if labels is None else labels
    elif scores is not None:
        found["auc"] = auc(classes == 1, scores)
    if labels is not None:
        found["accuracy"] = float(np.mean(labels == classes))
        found |= of_labels(classes, labels, count)
    return rounded(found)


def regression(happened: Numbers, answered: Numbers) -> dict[str, float]:
    """rmse, mae and r2: the root of the mean squared difference, the mean absolute one, and the share of the variance
    that is explained (1 - residual / total sum of squares)."""
    difference = answered - happened
    total = float(np.sum((happened - happened.mean()) ** 2))
    found = {"rmse": math.sqrt(float(np.mean(difference**2))), "mae": float(np.mean(np.abs(difference)))}
    if total > 0:
        found["r2"] = 1 - float(np.sum(difference**2)) / total
    return rounded(found)


def auc(happened: NDArray[np.bool_], scores: Numbers) -> float:
    """The chance that a random row of the second class has a higher score than one of the first; ties count half.

    NaN for rows of one class. Source: the Mann-Whitney U statistic, from mid-ranks.
    """
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    yes, no = int(happened.sum()), int((~happened).sum())
    if not yes or not no:
        return math.nan
    return float((ranks[happened].sum() - yes * (yes + 1) / 2) / (yes * no))


def auc_of_many(classes: Classes, probabilities: Numbers) -> float:
    """The plain mean of the AUC of each class against the rest. Source: Provost & Domingos 2000, without weights."""
    found = [auc(classes == number, probabilities[:, number]) for number in range(probabilities.shape[1])]
    return float(np.mean(found))


def log_loss(classes: Classes, probabilities: Numbers) -> float:
    """Mean negative log-likelihood of what happened, in nats; a probability of 0 counts as the smallest float64 step
    from 1, so that one row cannot make it infinite."""
    given = np.clip(probabilities[np.arange(len(classes)), classes], _EPSILON, 1 - _EPSILON)
    return float(-np.mean(np.log(given)))


def brier(classes: Classes, probabilities: Numbers) -> float:
    """The mean squared difference of the second class's probability from 1 where it happened, else from 0; of more
    classes, the mean of the sum over all of them, from 0 to 2. Source: Brier 1950, halved for two classes."""
    happened = np.eye(probabilities.shape[1])[classes]
    mean = float(np.mean(np.sum((probabilities - happened) ** 2, axis=1)))
    return mean / 2 if probabilities.shape[1] == 2 else mean


def of_labels(classes: Classes, labels: Classes, count: int) -> dict[str, float]:
    """recall, precision and f1 of the second class; of more than two, the plain mean over all of them.

    recall: how many of the rows of a class were answered so; precision: how many of the rows answered so are of the
    class; f1: their harmonic mean. NaN where a class has no such rows.
    """
    found: dict[str, list[float]] = {"recall": [], "precision": [], "f1": []}
    for number in range(count) if count > 2 else (1,):
        happened, answered = classes == number, labels == number
        both, either = int(np.sum(happened & answered)), int(happened.sum() + answered.sum())
        found["recall"].append(_share(both, int(happened.sum())))
        found["precision"].append(_share(both, int(answered.sum())))
        found["f1"].append(_share(2 * both, either))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def rounded(found: Mapping[str, float]) -> dict[str, Any]:
    """To nine digits, so that the last bits of one processor's sums are no part of a digest; NaN is left out."""
    return {name: float(f"{value:.{_DIGITS}g}") for name, value in found.items() if math.isfinite(value)}
