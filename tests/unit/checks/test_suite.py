"""All checks of a version, with a real family."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlserve.bundles.sample import Sample, read_sample
from mlserve.checks import Asked, Check, Other, Tolerances, read_bound, run
from mlserve.errors import BundleError
from mlserve.inference import LoadedVersion
from tests.unit.checks.versions import Version

ROWS = {"x": [1.0, 2.0, 3.0, 4.0], "y": [0.0, 0.0, 1.0, 1.0], "value": [3.0, 5.0, 6.0, 8.5]}


def checks(version: Version, asked: Asked, other: Version | None = None, rows: Any = ROWS) -> dict[str, Check]:
    sample: Sample = read_sample(rows)
    live = None if other is None else Other("line@champion", other.signature, other.load)
    return {check.name: check for check in run(version.signature, version.load, sample, asked, live)}


def states(found: dict[str, Check]) -> dict[str, str]:
    return {name: check.state for name, check in found.items()}


def test_scores_bounds_and_latency(tmp_path: Path) -> None:
    bounds = (read_bound("r2=0.9", least=True), read_bound("rmse=0.1", least=False), read_bound("auc=0.5", least=True))
    found = checks(Version(tmp_path), Asked(bounds, "value", slowest=5.0))
    assert states(found) == {
        "fit": "passed",
        "scores": "passed",
        "min r2": "passed",
        "max rmse": "failed",
        "min auc": "failed",
        "latency": "passed",
    }
    assert found["max rmse"].sentence == "rmse is 0.25 on 4 rows, at most 0.1 is asked."
    assert found["min auc"].sentence == "These answers have no auc; they have rmse, mae, r2."
    assert "the p99 at most 5000 ms." in found["latency"].sentence


def test_only_the_rows_that_fit_are_scored_each_with_its_own_outcome(tmp_path: Path) -> None:
    rows = {**ROWS, "x": [1.0, "two", 3.0, 4.0]}
    found = checks(Version(tmp_path), Asked((), "value", refused=0.25), rows=rows)
    assert found["fit"].state == "passed"
    assert found["scores"].sentence.startswith("rmse 0.288675, mae 0.166667, ")
    assert found["scores"].sentence.endswith(" on 3 rows with value.")


def test_a_bound_without_a_target_fails_and_no_bound_is_skipped(tmp_path: Path) -> None:
    assert states(checks(Version(tmp_path), Asked((read_bound("r2=0", least=True),)))) == {
        "fit": "passed",
        "scores": "skipped",
        "min r2": "failed",
        "latency": "passed",
    }


def test_too_slow_is_a_failure(tmp_path: Path) -> None:
    assert checks(Version(tmp_path), Asked(slowest=1e-9))["latency"].state == "failed"


@pytest.mark.parametrize(("tolerance", "state"), [(0.0, "failed"), (0.249, "failed"), (0.25, "passed")])
def test_no_score_may_be_worse_than_the_other_versions_by_more_than_its_tolerance(
    tolerance: float, state: str, tmp_path: Path
) -> None:
    ours, live = Version(tmp_path, "ours", intercept=1.5), Version(tmp_path, "live")
    found = checks(ours, Asked((), "value", tolerances=Tolerances(tolerance)), live)
    assert found["signature"].state == "passed"
    assert found["mae against line@champion"].state == state
    assert set(states(checks(live, Asked((), "value"), ours)).values()) == {"passed"}


def test_both_are_measured_on_the_rows_that_both_take(tmp_path: Path) -> None:
    ours, live = Version(tmp_path, "ours"), Version(tmp_path, "live", x=2.0, y=-1.0, z=0.0)
    rows = {**ROWS, "z": ["a", "b", 1.0, 2.0]}
    found = checks(ours, Asked((), "value"), live, rows)
    assert found["signature"].details == ("input 'z' is gone",)
    assert "both on 2 rows" in found["rmse against line@champion"].sentence
    found = checks(ours, Asked((), "value"), live, {**ROWS, "z": ["a"] * 4})
    assert found["scores against line@champion"].sentence.startswith(
        "It could not be compared: No row of the data fits both"
    )


def test_what_cannot_be_looked_at_fails(tmp_path: Path) -> None:
    version = Version(tmp_path)
    asked = Asked((read_bound("r2=0", least=True),), "value")
    found = checks(version, asked, rows={"x": ["a"], "y": ["b"], "value": [1.0]})
    assert set(states(found).values()) == {"failed"}
    assert set(found) == {"fit", "scores", "min r2", "latency"}

    @contextmanager
    def broken() -> Iterator[LoadedVersion]:
        raise BundleError("It is broken.") from ValueError("a bit")
        yield

    version.load = broken  # type: ignore[method-assign]
    found = checks(version, asked)
    assert found["latency"].sentence == "It could not be looked at: It is broken."
    assert found["latency"].details == ("ValueError: a bit",)
    assert found["fit"].state == "passed"


def test_a_model_that_fails_on_valid_rows_says_why(tmp_path: Path) -> None:
    found = checks(Version(tmp_path, x=1.0, y=1.0, fail=1.0), Asked((), "value"), rows={**ROWS, "fail": [1.0] * 4})
    assert (found["scores"].state, found["latency"].state) == ("failed", "failed")
    assert found["latency"].details == ("ZeroDivisionError: secret of the plugin",)
    found = checks(Version(tmp_path), Asked((), "none"))
    assert found["scores"].sentence == "The data has no column 'none' to compare the answers with."
