"""The process that hostile artefacts are tried in."""

from pathlib import Path

import pytest

from mlserve.testing.hostile import Trials
from tests.factories import linear_model


def test_a_process_that_does_not_begin_in_time_is_ended() -> None:
    trials = Trials("mlserve_linear", {}, patience=60, start_patience=0.001)
    with pytest.raises(AssertionError, match=r"cannot be tried in a fresh process: .*it has not begun in 0\.001 s"):
        trials.outcome(Path("never-opened"))
    assert trials.close() == 0  # There is no process any more.


def test_a_process_serves_one_artefact_after_the_other(tmp_path: Path) -> None:
    trials = Trials("mlserve_linear", {}, patience=60)
    nothing = tmp_path / "nothing.linear"
    nothing.write_bytes(b"")
    try:
        found = [trials.outcome(path).verdict for path in (linear_model(tmp_path), nothing)]
    finally:
        trials.close()
    assert found == ["served", "refused"]
