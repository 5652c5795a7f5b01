from typing import Any

import numpy as np
import pytest

from mlserve.bundles.sample import Column, Sample
from mlserve.bundles.scored import scores_of
from mlserve.errors import BundleError
from mlserve.signature import Field, OutputField, Signature

PROBABILITY = OutputField("probability", "float32")
LABEL = OutputField("label", "category", categories=("no", "yes"), threshold=0.3)
ANSWERS = {"probability": np.array([0.1, 0.4, 0.8, 0.9], np.float32), "label": np.array([0, 1, 1, 1], np.int32)}


def scores(outputs: tuple[OutputField, ...], answers: dict[str, Any], happened: list[Any]) -> dict[str, float]:
    sample = Sample({"late": Column(happened)}, len(happened), True)
    return scores_of(Signature((Field("x", "float32"),), outputs), answers, sample, "late")


@pytest.mark.parametrize(
    "happened", [[0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0], [False, False, True, True], ["no", "no", "yes", "yes"], [*"0011"]]
)
def test_a_classifier_of_two(happened: list[Any]) -> None:
    found = scores((PROBABILITY, LABEL), ANSWERS, happened)
    # The label begins at 0.3: three rows are answered "yes", of which two are.
    by_label = {"accuracy": 0.75, "recall": 1, "precision": 0.666666667, "f1": 0.8}
    by_probability = {"auc": 1, "log_loss": pytest.approx(0.2361726, abs=1e-6), "brier": pytest.approx(0.055, abs=1e-7)}
    assert found == {"rows": 4, **by_probability, **by_label}


def test_truth_values_of_a_csv() -> None:
    assert scores((PROBABILITY,), ANSWERS, ["false", "False", "true", "TRUE"])["accuracy"] == 1


def test_rows_without_an_outcome_do_not_count() -> None:
    found = scores((PROBABILITY, LABEL), ANSWERS, [None, "no", " ", "yes"])
    assert found["rows"] == 2
    with pytest.raises(BundleError, match="'late' of the data is empty"):
        scores((PROBABILITY,), ANSWERS, [None, None, "", None])


def test_a_classifier_of_many() -> None:
    probability = OutputField("probability", "float32", (3,), ("a", "b", "c"))
    array = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6]])
    found = scores((probability,), {"probability": array}, ["a", "b", "c"])
    assert {found[score] for score in ("auc", "accuracy", "recall", "precision", "f1")} == {1}
    assert found["brier"] == pytest.approx((0.14 + 0.42 + 0.24) / 3, abs=1e-8)
    # What "c" is answered for is "b", and no row is "c": nobody knows how many of those would be found.
    found = scores((probability,), {"probability": array}, ["a", "b", "b"])
    assert (found["precision"], found["f1"]) == (0.666666667, 0.555555556)
    assert "recall" not in found
    found = scores((OutputField("label", "int32"),), {"label": np.array([0, 4, 2])}, [0, 4, 1])
    assert found == {"rows": 3, "accuracy": float(f"{2 / 3:.9g}")}


def test_labels_as_texts() -> None:
    found = scores((LABEL,), {"label": np.array(["no", "yes"], object)}, ["no", "no"])
    assert found == {"rows": 2, "accuracy": 0.5, "precision": 0, "f1": 0}


def test_a_margin_ranks() -> None:
    margin = OutputField("margin", "float32")
    assert scores((margin,), {"margin": np.array([-3.0, 5.0])}, [0, 1]) == {"rows": 2, "auc": 1}


def test_a_regressor() -> None:
    found = scores((OutputField("value", "float64"),), {"value": np.array([1.0, 3.0])}, ["1.0", None])
    assert found == {"rows": 1, "rmse": 0, "mae": 0}


@pytest.mark.parametrize(
    ("outputs", "happened", "why"),
    [
        ((PROBABILITY,), [2, 0, 0, 0], "'late' holds 2, which is none of the model's classes: 0 to 1."),
        ((PROBABILITY,), [0.5, 0, 0, 0], "'late' holds 0.5, which is none of the model's classes: 0 to 1."),
        ((PROBABILITY, LABEL), ["maybe", 0, 0, 0], "'late' holds 'maybe', which is none of the model's"),
        ((OutputField("value", "float32"),), ["x", 0, 0, 0], "'late' holds 'x', and the model answers a number."),
        ((OutputField("values", "float32", (2,)),), [1, 0, 0, 0], "has no output that the column 'late'"),
    ],
)  # fmt: skip
def test_columns_that_are_no_outcome(outputs: tuple[OutputField, ...], happened: list[Any], why: str) -> None:
    with pytest.raises(BundleError) as caught:
        scores(outputs, {**ANSWERS, "value": np.zeros(4), "values": np.zeros((4, 2))}, happened)
    assert why in caught.value.detail


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(BundleError, match=r"^The data has no column 'late' to compare the answers with\.$"):
        scores_of(Signature((Field("x", "float32"),), ()), {}, Sample({}, 1, True), "late")
