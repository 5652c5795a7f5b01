"""Scores against their definitions, and against scikit-learn where it is installed."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from mlserve.bundles import metrics


def test_auc_is_the_chance_of_the_right_order() -> None:
    happened = np.array([False, False, True, True, True])
    scores = np.array([0.1, 0.4, 0.35, 0.8, 0.4])
    pairs = [(no, yes) for no in scores[~happened] for yes in scores[happened]]
    right = sum(1.0 if yes > no else 0.5 if yes == no else 0.0 for no, yes in pairs)

    assert metrics.auc(happened, scores) == right / len(pairs)
    assert math.isnan(metrics.auc(np.array([True, True]), np.array([0.1, 0.2])))


def test_what_the_rows_do_not_define_is_left_out() -> None:
    sure = np.array([[0.1, 0.9], [0.2, 0.8]])
    found = metrics.classification(np.array([1, 1]), sure, None)
    assert found == {"log_loss": 0.164252033, "brier": 0.025, "accuracy": 1, "recall": 1, "precision": 1, "f1": 1}
    assert metrics.regression(np.array([2.0, 2.0]), np.array([2.0, 3.0])) == {"mae": 0.5, "rmse": 0.707106781}


def test_a_certain_mistake_is_not_infinite() -> None:
    assert metrics.log_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-math.log(np.finfo(float).eps))


def test_labels_count_where_they_are_answered() -> None:
    probabilities = np.array([[0.7, 0.3], [0.4, 0.6]])
    assert metrics.classification(np.array([1, 1]), probabilities, np.array([1, 1]))["accuracy"] == 1
    assert metrics.classification(np.array([1, 1]), probabilities, None)["accuracy"] == 0.5
    assert metrics.classification(np.array([0, 1]), None, None, np.array([-3.0, 5.0])) == {"auc": 1}
    # The second class is never answered: no row says how precise it would be.
    found = metrics.classification(np.array([0, 1]), None, np.array([0, 0]))
    assert found == {"accuracy": 0.5, "recall": 0, "f1": 0}
    assert metrics.classification(np.array([0, 0]), None, np.array([0, 0])) == {"accuracy": 1}
    # Nor does one say it of the third.
    found = metrics.classification(np.array([0, 1]), None, np.array([0, 1]), count=3)
    assert found == {"accuracy": 1}


def test_regression_by_hand() -> None:
    found = metrics.regression(np.array([1.0, 2.0, 6.0]), np.array([1.0, 3.0, 4.0]))
    assert found == {"rmse": float(f"{math.sqrt(5 / 3):.9g}"), "mae": 1, "r2": float(f"{1 - 5 / 14:.9g}")}


@pytest.mark.parametrize("seed", range(5))
def test_the_same_scores_as_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(5, 2000))
    # Rounded, so that there are ties.
    scores = random.random(n).round(2 if seed % 2 else 9)
    binary = np.concatenate([[0, 1], (random.random(n - 2) < scores[2:]).astype(int)])
    found = metrics.classification(binary, np.column_stack([1 - scores, scores]), None)
    assert found["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(binary, scores), abs=1e-8)
    assert found["log_loss"] == pytest.approx(sklearn_metrics.log_loss(binary, scores), abs=1e-8)
    assert found["brier"] == pytest.approx(sklearn_metrics.brier_score_loss(binary, scores), abs=1e-8)

    many = random.dirichlet([1, 2, 3], n)
    classes = np.concatenate([[0, 1, 2], random.integers(0, 3, n - 3)])
    found = metrics.classification(classes, many, None, count=3)
    expected = sklearn_metrics.roc_auc_score(classes, many, multi_class="ovr", average="macro")
    assert found["auc"] == pytest.approx(expected, abs=1e-8)
    assert found["log_loss"] == pytest.approx(sklearn_metrics.log_loss(classes, many), abs=1e-8)
    assert found["brier"] == pytest.approx(sklearn_metrics.brier_score_loss(classes, many), abs=1e-8)
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(classes, many.argmax(axis=1)), abs=1e-8)

    happened = random.normal(size=n)
    answered = happened + random.normal(size=n)
    found = metrics.regression(happened, answered)
    assert found["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(happened, answered), abs=1e-7)
    assert found["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(happened, answered), abs=1e-7)
    assert found["r2"] == pytest.approx(sklearn_metrics.r2_score(happened, answered), abs=1e-7)


@pytest.mark.parametrize("average", ["binary", "macro"])
@pytest.mark.parametrize("seed", range(5))
def test_the_same_recall_precision_and_f1_as_scikit_learn(average: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    n, count = int(random.integers(10, 2000)), 2 if average == "binary" else 5
    every = np.arange(count)  # Each class happens and is answered at least once, so that all is defined.
    classes = np.concatenate([every, random.integers(0, count, n)])
    labels = np.concatenate([every[::-1], np.where(random.random(n) < 0.6, classes[count:], random.integers(0, count))])
    found = metrics.classification(classes, None, labels, count=count)
    for name in ("recall", "precision", "f1"):
        score = getattr(sklearn_metrics, f"{name}_score")
        assert found[name] == pytest.approx(score(classes, labels, average=average), abs=1e-8)
