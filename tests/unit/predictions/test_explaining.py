"""What is explained, what of it is kept, and what is refused."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mlserve.errors import Busy, Invalid, NotSupported, TooLarge, Unreadable
from mlserve.inference.loaded import LoadedVersion
from mlserve.observability.metrics.measures import Measures
from mlserve.predictions.explaining import Explaining
from mlserve.predictions.one_at_a_time import OneAtATime
from mlserve.predictions.reading import read_batch
from mlserve.registry.past import Past
from tests.unit.predictions.factories import LIMITS, load, record

BODY = b'{"instances":[[1.5,2],[0,1]]}'
BOTH = [{"x": 3.0, "y": -2.0}, {"x": 0.0, "y": -1.0}]


def explaining(*tables: str, past: Any = None, asked: list[Past] | None = None) -> Explaining:
    def using(one: Past) -> Any:
        if asked is not None:
            asked.append(one)
        return nullcontext(past)

    return Explaining(replace(LIMITS, explained=2), Measures(), tables=set(tables), using=using)


def contributions_of(text: bytes | None) -> list[Any]:
    return [block["contributions"] for it in msgspec.json.decode(text or b"")["instances"] for block in it["blocks"]]


@pytest.fixture
def line(tmp_path: Path) -> LoadedVersion:
    return load(tmp_path)


def test_a_body_is_explained_or_refused_as_that_of_a_prediction(tmp_path: Path, line: LoadedVersion) -> None:
    one = explaining("linear")
    assert contributions_of(one.of_body(line, BODY)) == BOTH
    assert contributions_of(one.of_body(line, b'{"columns":{"x":[1.5,0],"y":[2,1]}}')) == BOTH
    for body, kind in ((b"{", Unreadable), (b'{"instances":[["a",1]],"z":1}', Invalid)):
        with pytest.raises(kind):
            one.of_body(line, body)
    with pytest.raises(TooLarge, match=r"3 instances to explain; at most 2 .*mlserve\.limits\.explained"):
        one.of_body(line, b'{"instances":[[1,2],[1,2],[1,2]]}')
    with pytest.raises(NotSupported, match="cannot explain its predictions"):
        one.of_body(load(tmp_path, "no"), b"{")  # Before the body is read.


@pytest.mark.parametrize(
    ("tables", "keep", "kept"),
    [
        ((), {}, None),
        (("other",), {}, None),
        (("linear",), {}, BOTH),
        (("linear",), {"y": "omit"}, [{"x": 3.0, "y": None}, {"x": 0.0, "y": None}]),
    ],
)
def test_of_an_answer_all_is_shown_and_as_much_kept_as_may_be(
    tmp_path: Path, tables: tuple[str, ...], keep: dict[str, str], kept: Any
) -> None:
    loaded = load(tmp_path, keep=keep)
    shown, stored = explaining(*tables).of_answer(loaded, read_batch(loaded, BODY, LIMITS)[1])
    assert contributions_of(shown) == BOTH
    assert (stored and contributions_of(stored)) == kept


def test_a_kept_prediction_is_explained_by_the_version_that_made_it(tmp_path: Path, line: LoadedVersion) -> None:
    kept = record(inputs=msgspec.Raw(b'[{"x":1.5,"y":2},{"x":0,"y":1}]'), n=2)
    asked: list[Past] = []
    assert contributions_of(explaining(past=line, asked=asked).of_kept(kept)) == BOTH
    assert asked == [Past(kept.model, kept.version, kept.digest, kept.family)]
    with pytest.raises(NotSupported, match="cannot explain"):
        explaining(past=load(tmp_path, "no")).of_kept(kept)
    hidden = record(not_kept={"x": "hash", "y": "omit"})
    with pytest.raises(NotSupported, match=r"were not kept whole: 'x' \(hash\), 'y' \(omit\)\."):
        explaining(past=line, asked=asked).of_kept(hidden)
    assert len(asked) == 1  # Nothing is loaded in vain.


def test_long_explanations_have_turns_and_short_ones_never_wait(line: LoadedVersion) -> None:
    one = explaining("linear")
    _, batch = read_batch(line, BODY, LIMITS)
    kept = record(inputs=msgspec.Raw(b'[{"x":1.5,"y":2}]'))
    ways = (
        lambda: one.of_body(line, BODY),
        lambda: one.of_answer(line, batch),
        lambda: explaining_past.of_kept(kept),
    )
    explaining_past = explaining(past=line)
    explaining_past._one = one._one = OneAtATime("Busy; try again.", patience=0)
    with one._one.taken():
        for way in ways:
            way()
        line.predictor.explain_seconds = 0.4  # type: ignore[attr-defined]
        for way in ways:
            with pytest.raises(Busy):
                way()
    for way in ways:
        way()
    with pytest.raises(TooLarge, match="2 instances to explain; at most 1 "):
        line.predictor.explain_seconds = 2.9  # type: ignore[attr-defined]
        one.of_body(line, BODY)
