"""Asking a kept prediction again: of which version, when it has to wait, and what is refused."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mlserve.errors import Busy, NotSupported, TooLarge
from mlserve.inference.loaded import LoadedVersion
from mlserve.predictions.one_at_a_time import OneAtATime
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.reproducing import LARGE, Reproducing
from mlserve.registry.past import Past
from tests.unit.predictions.factories import load, record


def kept(outputs: bytes = b'[{"value":2.0}]', **changed: Any) -> Any:
    inputs = msgspec.Raw(b'[{"x":1.5,"y":2.0}]')
    return record(**({"inputs": inputs, "outputs": msgspec.Raw(outputs), "family": "linear"} | changed))


def nothing(record: PredictionRecord) -> Any:
    raise AssertionError("nothing is asked for")


def reproducing(
    version: LoadedVersion,
    asked: list[Past],
    stored: bytes | None = None,
    explain: Callable[[PredictionRecord], bytes] = nothing,
) -> Reproducing:
    def using(past: Past) -> Any:
        asked.append(past)
        return nullcontext(version)

    return Reproducing(using, stored=lambda _: stored, explain=explain)


def test_the_version_that_answered_is_asked_again(tmp_path: Path) -> None:
    asked: list[Past] = []
    one = reproducing(load(tmp_path), asked)
    same = kept()
    found = one.of_kept(same)
    assert (found.verdict, found.changed) == ("bit_equal", ("plugin", "library"))
    assert asked == [Past(same.model, same.version, same.digest, "linear")]
    other = one.of_kept(kept(b'[{"value":2.001}]'))
    assert [(one.stored, one.now) for one in other.differences] == [(2.001, 2.0)]


def test_what_cannot_be_known_loads_nothing(tmp_path: Path) -> None:
    asked: list[Past] = []
    assert reproducing(load(tmp_path), asked).of_kept(kept(not_kept={"x": "hash"})).verdict == "unknown"
    assert asked == []


def test_inputs_of_another_signature_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="do not have this version's signature"):
        reproducing(load(tmp_path, z=1.0), []).of_kept(kept())


def test_large_predictions_have_turns_and_others_never_wait(tmp_path: Path) -> None:
    one = reproducing(load(tmp_path), [])
    one._one = OneAtATime("Wait.", patience=0.01)
    with one._one.taken():
        assert one.of_kept(kept(n=LARGE)).verdict == "bit_equal"
        with pytest.raises(Busy, match=r"Wait\."):
            one.of_kept(kept(n=LARGE + 1))


EXPLANATION = b'{"method":"m","scale":"s","instances":[{"blocks":[]}]}'


@pytest.mark.parametrize(
    ("now", "verdict", "same"),
    [
        (EXPLANATION, "bit_equal", True),
        (EXPLANATION.replace(b'"m"', b'"n"'), "differs", False),
        (NotSupported("It cannot."), "unknown", False),
        (TooLarge("Too many."), "unknown", False),
    ],
)
def test_a_stored_explanation_is_asked_again_too(
    tmp_path: Path, now: bytes | Exception, verdict: str, same: bool
) -> None:
    def explain(record: PredictionRecord) -> bytes:
        if isinstance(now, Exception):
            raise now
        return now

    found = reproducing(load(tmp_path), [], EXPLANATION, explain).of_kept(kept())
    assert found.verdict == "bit_equal"
    assert found.explanation is not None
    assert found.explanation.verdict == verdict
    assert found.same is same
    assert found.explanation.reason == (str(now) if isinstance(now, Exception) else None)


def test_a_busy_explainer_is_asked_later(tmp_path: Path) -> None:
    def explain(record: PredictionRecord) -> bytes:
        raise Busy("Wait.", retry_after=2)

    with pytest.raises(Busy):
        reproducing(load(tmp_path), [], EXPLANATION, explain).of_kept(kept())
