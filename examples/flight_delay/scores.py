"""How good probabilities of a yes-or-no outcome are.

Each function takes the outcomes (n,), 0.0 or 1.0, and the probabilities (n,) that were given for 1.0.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def auc(outcomes: ArrayLike, probabilities: ArrayLike) -> float:
    """The chance that a random late flight gets a higher probability than a random punctual one; ties count half.

    NaN where the outcomes are all the same. Source: the Mann-Whitney U statistic from mid-ranks.
    """
    happened = np.asarray(outcomes) == 1
    ranks = pd.Series(np.asarray(probabilities)).rank().to_numpy()
    yes, no = int(happened.sum()), int((~happened).sum())
    if not yes or not no:
        return float("nan")
    return float((ranks[happened].sum() - yes * (yes + 1) / 2) / (yes * no))


def log_loss(outcomes: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean negative log-likelihood in nats."""
    y, p = _pair(outcomes, probabilities)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def brier(outcomes: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared difference of probability and outcome."""
    y, p = _pair(outcomes, probabilities)
    return float(np.mean((p - y) ** 2))


def decisions(outcomes: ArrayLike, probabilities: ArrayLike, threshold: float) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of saying yes where probability >= threshold."""
    y, p = _pair(outcomes, probabilities)
    said, happened = p >= threshold, y == 1
    hits = float((said & happened).sum())
    precision = hits / max(float(said.sum()), 1.0)
    recall = hits / max(float(happened.sum()), 1.0)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"accuracy": float((said == happened).mean()), "precision": precision, "recall": recall, "f1": f1}


def _pair(outcomes: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.asarray(outcomes, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
