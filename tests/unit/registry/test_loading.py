"""What proves a version before it answers callers."""

import logging
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlserve.registry.loading import VerificationFailed, giving_way, prove
from tests.unit.predictions.factories import load

GOLDEN = {
    "tolerance": 1e-6,
    "libraries": {"arithmetic": "1"},
    "engine": "exact",
    "instances": [{"x": 1.5, "y": 2.0}],
    "outputs": [{"value": 2.0}],
}


def proof(folder: Path, value: float) -> Any:
    golden = {**GOLDEN, "outputs": [{"value": value}]}
    return replace(load(folder), manifest={"content": {"golden": golden}})


@pytest.mark.parametrize(("value", "told"), [(2.0, False), (2.0000002, True)])
def test_another_last_bit_is_told_and_keeps_no_version_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: float, told: bool
) -> None:
    with caplog.at_level(logging.INFO, "mlserve.registry"):
        prove(proof(tmp_path, value))
    events = [record for record in caplog.records if record.message == "golden_inexact"]
    assert len(events) == told
    if told:
        assert events[0].fields["deviation"] == pytest.approx(1e-7, rel=1e-3)  # type: ignore[attr-defined]


def test_an_answer_outside_of_the_tolerance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationFailed, match=r"golden row 0: value is 2\.0 instead of 2\.00001"):
        prove(proof(tmp_path, 2.00001))


def test_of_several_that_give_way_the_last_one_puts_back_what_was() -> None:
    usual = sys.getswitchinterval()
    first, second = ExitStack(), ExitStack()
    for one in (first, second):
        one.enter_context(giving_way)
    first.close()
    assert sys.getswitchinterval() == pytest.approx(0.0002)
    second.close()
    assert sys.getswitchinterval() == usual
