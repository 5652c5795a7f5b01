from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlserve.checks.latency import FEWEST, check_latency, durations
from mlserve.errors import PredictionFailed
from mlserve.inference import LoadedVersion
from tests.unit.checks.versions import Version

BODIES = (b'[{"x":1,"y":2}]', b'[{"x":3,"y":4}]')


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[LoadedVersion]:
    with Version(tmp_path).load() as loaded:
        yield loaded


def test_durations_are_those_of_enough_predictions(loaded: LoadedVersion) -> None:
    found = durations(loaded, BODIES)
    assert len(found) >= FEWEST
    assert np.all(found > 0)


def test_the_p99_is_held_to_the_bound_and_without_one_only_told(loaded: LoadedVersion) -> None:
    assert check_latency(loaded, BODIES, 60.0).state == "passed"
    slow = check_latency(loaded, BODIES, 1e-9)
    assert (slow.name, slow.state) == ("latency", "failed")
    assert slow.sentence.endswith(" predictions, the p99 at most 1e-06 ms.")
    told = check_latency(loaded, BODIES, None)
    assert told.state == "passed"
    assert told.sentence.endswith(" predictions.")


def test_one_slow_answer_of_a_hundred_counts(loaded: LoadedVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.full(200, 0.001)
    found[[7, 70]] = 0.5
    monkeypatch.setattr("mlserve.checks.latency.durations", lambda *_: found)
    assert check_latency(loaded, BODIES, 0.4).sentence == (
        "A single row takes 1 ms (p50) and 500 ms (p99) of 200 predictions, the p99 at most 400 ms."
    )


def test_what_predicting_raises_is_raised(tmp_path: Path) -> None:
    version = Version(tmp_path, "broken", x=1.0, fail=1.0)
    with version.load() as loaded, pytest.raises(PredictionFailed):
        durations(loaded, [b'[{"x":1,"fail":1}]'])
