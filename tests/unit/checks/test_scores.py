from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlserve.bundles.sample import Sample, read_sample
from mlserve.checks.bounds import Tolerances, read_bound, read_tolerances
from mlserve.checks.fit import Fit, fit_of
from mlserve.checks.scores import check_bound, comparisons, measured
from mlserve.errors import BundleError
from mlserve.inference import LoadedVersion
from tests.unit.checks.versions import Version

# The third row does not fit; the others are answered 3, 6 and 8.5.
ROWS: dict[str, Any] = {"x": [1.0, 3.0, "?", 4.0], "y": [0.0, 1.0, 1.0, 0.5], "value": [3.0, 5.0, 100.0, 8.5]}
OURS = {"rows": 1200, "auc": 0.7, "brier": 0.2, "accuracy": 0.8, "recall": 0.5, "precision": 0.4, "f1": 0.444444444}
THEIRS = {"rows": 1200, "auc": 0.71, "brier": 0.19, "accuracy": 0.8, "recall": 0.6, "precision": 0.3, "f1": 0.4}


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[LoadedVersion]:
    with Version(tmp_path).load() as loaded:
        yield loaded


@pytest.fixture
def sample() -> Sample:
    return read_sample(ROWS)


@pytest.fixture
def fit(loaded: LoadedVersion, sample: Sample) -> Fit:
    return fit_of(loaded.signature, sample)


def test_each_row_that_fits_is_compared_with_its_own_outcome(loaded: LoadedVersion, fit: Fit, sample: Sample) -> None:
    assert fit.places == (0, 1, 3)
    found = measured(loaded, fit, sample, "value")
    assert (found["rows"], found["mae"]) == (3, 0.333333333)
    found = measured(loaded, fit, sample, "value", [0, 3])
    assert (found["rows"], found["mae"]) == (2, 0)


def test_what_cannot_be_measured(loaded: LoadedVersion, fit: Fit, sample: Sample) -> None:
    with pytest.raises(BundleError, match="has no column 'late' to compare"):
        measured(loaded, fit, sample, "late")
    nothing = read_sample({**ROWS, "x": ["?"] * 4})
    with pytest.raises(BundleError, match="There are no rows to measure on"):
        measured(loaded, fit_of(loaded.signature, nothing), nothing, "value")


def test_a_bound() -> None:
    assert check_bound(read_bound("recall=0.5", least=True), OURS).sentence == (
        "recall is 0.5 on 1,200 rows, at least 0.5 is asked."
    )
    failed = check_bound(read_bound("brier=0.19", least=False), OURS)
    assert (failed.state, failed.sentence) == ("failed", "brier is 0.2 on 1,200 rows, at most 0.19 is asked.")
    absent = check_bound(read_bound("rmse=1", least=False), {"rows": 3, "auc": 1.0, "accuracy": 1.0})
    assert (absent.state, absent.sentence) == ("failed", "These answers have no rmse; they have auc, accuracy.")


def states(ours: dict[str, float], theirs: dict[str, float], *tolerances: str) -> dict[str, str]:
    found = comparisons(ours, theirs, read_tolerances(tolerances), "live")
    return {check.name.removesuffix(" against live"): check.state for check in found}


def test_worse_is_less_of_what_is_good_and_more_of_what_is_bad() -> None:
    assert states(OURS, THEIRS) == {"auc": "failed", "brier": "failed", "accuracy": "passed"}
    assert states(THEIRS, OURS) == {"auc": "passed", "brier": "passed", "accuracy": "passed"}
    # 0.71 - 0.7 is a little more than 0.01.
    assert states(OURS, THEIRS, "0.01") == {"auc": "passed", "brier": "passed", "accuracy": "passed"}
    assert states(OURS, THEIRS, "0.005", "brier=0.1") == {"auc": "failed", "brier": "passed", "accuracy": "passed"}


def test_what_a_threshold_trades_is_compared_on_request() -> None:
    found = states(OURS, THEIRS, "1", "recall=0.05", "precision=0", "f1=0")
    assert {name: found[name] for name in ("recall", "precision", "f1")} == {
        "recall": "failed",
        "precision": "passed",
        "f1": "passed",
    }
    assert states(OURS, THEIRS, "1", "recall=0.1")["recall"] == "passed"


def test_a_score_that_only_the_other_has_fails() -> None:
    (found,) = comparisons({"rows": 3}, {"rows": 3, "auc": 0.5}, Tolerances(), "live")
    assert (found.state, found.sentence) == ("failed", "These answers have no auc, and those of live have.")
    assert not list(comparisons({"rows": 3, "auc": 0.5}, {"rows": 3}, Tolerances(), "live"))
