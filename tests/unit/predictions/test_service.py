"""Decode, predict, keep: in that order, and nothing kept of what is refused."""

import hashlib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from mlserve_linear.family import LinearPredictor

from mlserve.errors import Invalid, LogUnavailable, NotSupported, PredictionFailed, TooLarge, Unreadable
from mlserve.inference.loaded import LoadedVersion
from mlserve.observability.metrics.measures import Measures
from mlserve.predictions.explaining import Explaining
from mlserve.predictions.log import NullLog
from mlserve.predictions.reading import read_batch
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.service import Asked, PredictionService, answer_json
from mlserve.signature import Batch
from tests.unit.predictions.factories import LIMITS, load, record


class ListLog(NullLog):
    """Keeps records in a list; with `full`, refuses to."""

    def __init__(self, *, full: bool = False) -> None:
        self.kept: list[PredictionRecord] = []
        self.once: list[PredictionRecord] = []
        self.full = full

    def keep(self, record: PredictionRecord) -> None:
        if self.full:
            raise LogUnavailable("the disk is full")
        self.kept.append(record)

    def keep_once(self, record: PredictionRecord) -> PredictionRecord:
        self.once.append(record)
        return self.once[0]

    def explanation(self, record: PredictionRecord) -> msgspec.Raw | None:
        return record.explanation

    def keyed(self, caller: str, model: str, key: str, body_digest: str | None) -> PredictionRecord | None:
        return next(iter(self.once), None)


def answering(log: ListLog, *tables: str, explained: int = 2, past: Any = None) -> PredictionService:
    """A service that keeps the explanations of the families `tables`; `past` has made every kept prediction."""
    limits, metrics = replace(LIMITS, explained=explained), Measures()
    explaining = Explaining(limits, metrics, tables=set(tables), using=lambda _: nullcontext(past))
    return PredictionService(log, explaining, limits, "host:1", metrics)


@pytest.fixture
def log() -> ListLog:
    return ListLog()


@pytest.fixture
def service(log: ListLog) -> PredictionService:
    return answering(log)


@pytest.fixture
def line(tmp_path: Path) -> LoadedVersion:
    return load(tmp_path)


def test_what_is_answered_is_what_is_kept(service: PredictionService, log: ListLog, line: LoadedVersion) -> None:
    body = b'{"instances":[{"y":2,"x":1.50}],"reference":"order 7"}'
    answered = service.answer(line, body, Asked(request_id="r-1")).record
    (kept,) = log.kept
    assert kept is answered
    assert (bytes(kept.inputs), bytes(kept.outputs)) == (b'[{"x":1.5,"y":2.0}]', b'[{"value":2.0}]')
    assert (kept.model, kept.version, kept.digest, kept.family, kept.plugin) == ("line", 2, "d" * 64, "linear", "p 1")
    assert (kept.alias, kept.asked, kept.caller, kept.reference) == ("champion", "alias:champion", "", "order 7")
    assert (kept.request_id, kept.worker, kept.n) == ("r-1", "host:1", 1)
    assert kept.body_digest is None
    assert 0 < kept.duration_us < 10_000_000


def test_nothing_of_one_request_is_kept_with_the_next(
    service: PredictionService, log: ListLog, line: LoadedVersion
) -> None:
    asked = Asked(alias=None, asked="version:2", caller="c", request_id="r-1", idempotency_key="k")
    service.answer(line, b'{"instances":[[1,2]],"reference":"order 7"}', asked)
    kept = service.answer(line, b'{"instances":[[1,2]]}', Asked()).record
    assert (kept.alias, kept.asked, kept.caller, kept.reference) == ("champion", "alias:champion", "", None)
    assert (kept.request_id, kept.idempotency_key, kept.body_digest) == (None, None, None)


def test_each_prediction_has_an_id_of_its_own(service: PredictionService, line: LoadedVersion) -> None:
    ids = [service.answer(line, b'{"instances":[[1,2]]}', Asked()).record.id for _ in range(5)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", Unreadable),
        (b"[]", Invalid),
        (b'{"instances":[[1,2]],"colour":1}', Invalid),
        (b'{"instances":[[1,"2"]]}', Invalid),
        (b'{"instances":[[1,2],[1,2],[1,2],[1,2]]}', TooLarge),
        (b'{"instances":[[1,2],[1,2],[1,2],[1,2]],"colour":1}', TooLarge),
        (b'{"instances":' + b"[" * 9 + b"]" * 9 + b"}", Unreadable),
        (b'{"instances":[[1,2]],"parameters":' + b'{"a":' * 9 + b"1" + b"}" * 10, Unreadable),
    ],
)
def test_a_refusal_keeps_nothing(
    service: PredictionService, log: ListLog, line: LoadedVersion, body: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        service.answer(line, body, Asked(idempotency_key="k"))
    assert (log.kept, log.once) == ([], [])


def test_problems_of_envelope_and_instances_come_together_up_to_the_limit(
    service: PredictionService, line: LoadedVersion
) -> None:
    with pytest.raises(Invalid) as refused:
        service.answer(line, b'{"instances":[["a",2]],"reference":1,"x":1}', Asked())
    assert [problem.pointer for problem in refused.value.problems] == ["/x", "/reference", "/instances/0/0"]
    assert refused.value.more is False
    with pytest.raises(Invalid) as refused:
        service.answer(line, b'{"instances":[["a","b"]],"p":1,"q":1,"r":1}', Asked())
    assert len(refused.value.problems) == LIMITS.problems
    assert refused.value.more is True


def test_a_failing_predictor_and_a_full_disk_answer_nothing(tmp_path: Path) -> None:
    log = ListLog(full=True)
    service = answering(log)
    with pytest.raises(LogUnavailable):
        service.answer(load(tmp_path), b'{"instances":[[1,2]]}', Asked())
    with pytest.raises(PredictionFailed):
        service.answer(load(tmp_path, fail=1.0), b'{"instances":[[1]]}', Asked())
    assert log.kept == []


def test_with_a_key_the_stored_answer_counts_and_the_body_is_known_by_its_digest(
    service: PredictionService, log: ListLog, line: LoadedVersion
) -> None:
    body = b'{"instances":[[1,2]]}'
    first = service.answer(line, body, Asked(idempotency_key="k"))
    assert service.answer(line, body, Asked(idempotency_key="k"))[:3] == (first.record, True, None)
    assert not first.replayed
    assert log.kept == []
    assert {kept.body_digest for kept in log.once} == {hashlib.sha256(body).hexdigest()}


def test_an_answer_of_fewer_instances_than_were_asked_is_refused_and_not_kept(
    service: PredictionService, log: ListLog, line: LoadedVersion
) -> None:
    class Short(LinearPredictor):
        def predict(self, batch: Batch) -> dict[str, np.ndarray]:
            return {"value": np.zeros(1)}

    short = replace(line, predictor=Short({"intercept": 0.0, "coefficients": {}, "explanation": "well"}, 3))
    service.answer(short, b'{"instances":[[1,2]]}', Asked())
    with pytest.raises(PredictionFailed, match=r"\(1,\) for output 'value', not \(2,\)"):
        service.answer(short, b'{"instances":[[1,2],[3,4]]}', Asked())
    assert [kept.n for kept in log.kept] == [1]


@pytest.mark.parametrize(
    ("changed", "alias", "warnings"),
    [
        ({}, "champion", None),
        ({"alias": None}, None, None),
        ({"warnings": [{"code": "non_finite"}]}, "champion", [{"code": "non_finite"}]),
    ],
)
def test_the_answer_is_one_json_object(changed: dict[str, Any], alias: str | None, warnings: Any) -> None:
    kept = record(**changed)
    answer = msgspec.json.decode(answer_json(kept))
    assert answer.pop("outputs") == msgspec.json.decode(kept.outputs)
    assert answer.pop("warnings", None) == warnings
    assert answer == {"id": kept.id, "model": kept.model, "version": kept.version, "alias": alias}


EXPLAIN = b'{"instances":[[1.5,2]],"explain":true}'


def contributions_of(text: Any) -> list[Any]:
    return [block["contributions"] for it in msgspec.json.decode(text)["instances"] for block in it["blocks"]]


def test_an_explained_prediction_is_answered_and_kept_with_its_explanation(log: ListLog, line: LoadedVersion) -> None:
    answered = answering(log, "linear").answer(line, EXPLAIN, Asked())
    (kept,) = log.kept
    explanation = msgspec.json.decode(answered.explanation or b"")
    assert explanation == {
        "method": "terms",
        "scale": "value",
        "instances": [{"blocks": [{"name": None, "margin": 2.0, "bias": 1.0, "contributions": {"x": 3.0, "y": -2.0}}]}],
    }
    assert bytes(kept.explanation or b"") == answered.explanation
    body = msgspec.json.decode(answer_json(answered.record, answered.explanation))
    assert (body["outputs"], body["explanation"]) == ([{"value": 2.0}], explanation)


def test_without_a_table_the_explanation_is_answered_and_not_kept(log: ListLog, line: LoadedVersion) -> None:
    assert answering(log, "other").answer(line, EXPLAIN, Asked()).explanation is not None
    assert [kept.explanation for kept in log.kept] == [None]


def test_of_what_is_not_kept_the_stored_explanation_holds_null(tmp_path: Path, log: ListLog) -> None:
    answered = answering(log, "linear").answer(load(tmp_path, keep={"y": "hash"}), EXPLAIN, Asked())
    assert contributions_of(answered.explanation) == [{"x": 3.0, "y": -2.0}]
    assert contributions_of(log.kept[0].explanation) == [{"x": 3.0, "y": None}]


def test_a_replay_answers_the_stored_explanation(log: ListLog, line: LoadedVersion) -> None:
    service = answering(log, "linear")
    first = service.answer(line, EXPLAIN, Asked(idempotency_key="k"))
    again = service.answer(line, EXPLAIN, Asked(idempotency_key="k"))
    assert (first.replayed, again.replayed) == (False, True)
    assert first.explanation == again.explanation is not None


class Silent(LinearPredictor):
    """Fails when it is asked for a prediction."""

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        raise AssertionError("nothing was to be predicted")


@pytest.mark.parametrize(
    ("explanation", "body", "kind", "words"),
    [
        ("no", EXPLAIN, NotSupported, "linear predictor of line version 2 cannot explain its predictions"),
        ("well", b'{"instances":[[1,2],[1,2],[1,2]],"explain":true}', TooLarge, r"3 instances to explain; at most 2 "),
    ],
)
def test_what_cannot_be_explained_is_refused_before_anything_is_predicted(
    tmp_path: Path, log: ListLog, explanation: str, body: bytes, kind: type[Exception], words: str
) -> None:
    loaded = load(tmp_path, explanation)
    silent = Silent({"intercept": 0.0, "coefficients": {}, "explanation": "well"}, 3)
    if loaded.explains:
        silent.explain = loaded.predictor.explain  # type: ignore[attr-defined]
    for key in (None, "k"):
        with pytest.raises(kind, match=words):
            answering(log, "linear").answer(replace(loaded, predictor=silent), body, Asked(idempotency_key=key))
    assert (log.kept, log.once) == ([], [])


@pytest.mark.parametrize("explanation", ["failing", "misshapen"])
def test_an_explanation_that_fails_keeps_nothing(tmp_path: Path, log: ListLog, explanation: str) -> None:
    with pytest.raises(PredictionFailed, match="expla"):
        answering(log, "linear").answer(load(tmp_path, explanation), EXPLAIN, Asked())
    assert log.kept == []


def test_a_replay_without_a_stored_explanation_has_it_computed(log: ListLog, line: LoadedVersion) -> None:
    service = answering(log, past=line)
    first = service.answer(line, EXPLAIN, Asked(idempotency_key="k"))
    assert log.once[0].explanation is None
    again = service.answer(line, EXPLAIN, Asked(idempotency_key="k"))
    assert again[:3] == (first.record, True, first.explanation)
    assert first.explanation is not None


def test_who_loses_the_race_for_a_key_is_answered_with_the_winner_s_explanation(
    log: ListLog, line: LoadedVersion
) -> None:
    service = answering(log, past=line)
    winner = service.answer(line, EXPLAIN, Asked(idempotency_key="k"))
    _, batch = read_batch(line, EXPLAIN, service.limits)
    loser = service.serve(line, batch, Asked(idempotency_key="k", explain=True))
    assert loser[:3] == (winner.record, True, winner.explanation)


def test_a_replay_whose_explanation_cannot_be_computed_is_answered_without(
    tmp_path: Path, log: ListLog, line: LoadedVersion
) -> None:
    first = answering(log).answer(line, EXPLAIN, Asked(idempotency_key="k"))
    assert answering(log, past=load(tmp_path, "no")).answer(line, EXPLAIN, Asked(idempotency_key="k"))[:3] == (
        first.record,
        True,
        None,
    )


def test_a_body_of_another_form_is_answered_and_kept_alike(
    service: PredictionService, log: ListLog, line: LoadedVersion
) -> None:
    def decode(loaded: LoadedVersion) -> Batch:
        return loaded.decoder.decode(b"[[1,2]]", None)

    answered = service.answer_by(line, decode, b"1 2", Asked())
    assert answered.arrays is not None
    assert answered.arrays["value"].tolist() == [1.0]
    assert answered.signature is line.signature
    assert log.kept == [answered.record]
    first, again = (service.answer_by(line, decode, b"1 2", Asked(idempotency_key="k")) for _ in range(2))
    assert again[:3] == (first.record, True, None)
    assert first.record.body_digest == hashlib.sha256(b"1 2").hexdigest()
