"""A loaded version: what is derived once, and what a failing predictor becomes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve.errors import ModelNotReady, NotSupported, PredictionFailed, SignatureError, TooLarge
from mlserve.inference import Explanation
from mlserve.inference.loaded import Limits, LoadedVersion, load_version
from mlserve.signature import Batch, Field, OutputField, Signature
from tests.factories import until

SIGNATURE = Signature((Field("x", "float64"),), (OutputField("value", "float64"),))
LIMITS = Limits(body=1024, instances=2, problems=3, depth=8, explained=1000, image_pixels=1_000_000)


class Predictor:
    engine = "exact"

    def __init__(self, concurrency: str, failure: Exception | None = None) -> None:
        self.concurrency = concurrency
        self.failure = failure
        self.at_once = 0
        self.most_at_once = 0
        self.meeting = threading.Barrier(2)

    def predict(self, batch: Batch, outputs: Any = None) -> dict[str, np.ndarray]:
        if self.failure is not None:
            raise self.failure
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.concurrency == "parallel":
            self.meeting.wait(20)
        self.at_once -= 1
        return {"value": batch.column("x")[0] * 2}


class Family:
    name, formats, runs_code = "double", (".double",), False

    def __init__(self, predictor: Any) -> None:
        self.predictor = predictor

    def load(self, path: Path, signature: Signature, settings: Any) -> Any:
        assert settings == {"threads": 1}
        return self.predictor

    def libraries(self) -> dict[str, str]:
        return {"b": "2", "a": "1.0"}


class Gated:
    """Predictions wait at a gate; `predict` on a closed predictor is what must never be."""

    concurrency, engine = "parallel", "exact"

    def __init__(self) -> None:
        self.entered, self.gate = threading.Semaphore(0), threading.Event()
        self.closed = 0

    def predict(self, batch: Batch, outputs: Any = None) -> dict[str, np.ndarray]:
        assert not self.closed
        self.entered.release()
        self.gate.wait(20)
        assert not self.closed
        return {"value": batch.column("x")[0]}

    def close(self) -> None:
        self.closed += 1


def load(predictor: Any, signature: Signature | None = None, count_fallback: Any = None) -> LoadedVersion:
    identity = {"model": "m", "version": 3, "digest": "d", "plugin": "p 1"}
    return load_version(
        Family(predictor),
        Path("m.double"),
        identity=identity,
        signature=signature or SIGNATURE,
        manifest={},
        settings={"threads": 1},
        limits=LIMITS,
        count_fallback=count_fallback,
    )


BATCH = Batch.from_rows(SIGNATURE, [(1.5,)])


def test_the_lineage_names_what_answers() -> None:
    lineage = load(Predictor("serial")).lineage
    assert (lineage.model, lineage.version, lineage.digest, lineage.plugin) == ("m", 3, "d", "p 1")
    assert (lineage.family, lineage.engine, lineage.library) == ("double", "exact", "a 1.0, b 2")


def test_a_version_is_told_in_a_line() -> None:
    assert repr(load(Predictor("serial"))) == "<LoadedVersion m version 3: double, exact>"


def test_what_is_derived_from_the_signature_holds_the_limits() -> None:
    version = load(Predictor("serial"))
    with pytest.raises(TooLarge):
        version.decoder.decode(b"[[1],[2],[3]]", None)
    assert version.stored_inputs.encode(BATCH) == b'[{"x":1.5}]'
    assert version.output_encoder.encode(version.predict(BATCH), 1) == (b'[{"value":3.0}]', [])


def test_wide_models_take_no_more_instances_than_a_body_can_spell_out() -> None:
    limits = Limits(body=10_000, instances=100, problems=1, depth=9, explained=1000, image_pixels=1_000_000)
    assert limits.instances_of(Signature((Field("a", "int32"),), ())) == 100
    wide = Signature((Field("a", "float32", (50, 2), required=False, nullable=True),), ())
    assert limits.instances_of(wide) == 50
    assert limits.instances_of(Signature((Field("a", "float32", (99, 999)),), ())) == 1
    # What may be of any size is as large as it is spelled out; missing, it is nothing.
    assert limits.instances_of(Signature((Field("a", "float32", (-1, 999)),), ())) == 100


def test_small_pictures_become_no_more_large_ones_than_a_request_may_have() -> None:
    limits = replace(LIMITS, body=10_000, instances=100, image_pixels=10_000)
    assert limits.instances_of(Signature((Field("a", "image", (50, 40, 3)),), ())) == 5
    assert limits.instances_of(Signature((Field("a", "image", (50, 40, 3)), Field("b", "image")), ())) == 5
    assert limits.instances_of(Signature((Field("a", "image"),), ())) == 100
    assert limits.instances_of(Signature((Field("a", "image", (1000, 1000, 3)),), ())) == 1


def test_a_failure_of_the_family_keeps_its_cause_for_the_log() -> None:
    cause = ZeroDivisionError("secret")
    with pytest.raises(PredictionFailed) as failed:
        load(Predictor("serial", cause)).predict(BATCH)
    assert failed.value.__cause__ is cause
    assert "secret" not in str(failed.value)


def test_a_domain_error_of_the_family_stays_what_it_is() -> None:
    with pytest.raises(NotSupported, match="no infinities"):
        load(Predictor("serial", NotSupported("no infinities"))).predict(BATCH)


@pytest.mark.parametrize(("concurrency", "most"), [("serial", 1), ("parallel", 2)])
def test_a_serial_predictor_is_called_from_one_thread_at_a_time(concurrency: str, most: int) -> None:
    predictor = Predictor(concurrency)
    version = load(predictor)
    threads = [threading.Thread(target=lambda: [version.predict(BATCH) for _ in range(20)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert predictor.most_at_once == most


def test_closing_waits_for_the_predictions_that_run_and_lets_no_more_begin() -> None:
    predictor = Gated()
    version = load(predictor)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(version.predict, BATCH) for _ in range(2)]
        for _ in answers:
            assert predictor.entered.acquire(timeout=20)
        closing = pool.submit(version.close, 20)
        until(lambda: _refused(version))
        assert not predictor.closed
        predictor.gate.set()
        assert [answer.result()["value"].tolist() for answer in answers] == [[1.5], [1.5]]
        closing.result()
    assert predictor.closed == 1
    version.close()
    assert predictor.closed == 1


def test_a_predictor_that_is_still_running_at_the_limit_is_left_open_and_told(caplog: pytest.LogCaptureFixture) -> None:
    predictor = Gated()
    version = load(predictor)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(version.predict, BATCH)
        assert predictor.entered.acquire(timeout=20)
        version.close(patience=0.01)
        assert _refused(version)
        predictor.gate.set()
        assert answer.result()["value"].tolist() == [1.5]
    assert predictor.closed == 0
    (record,) = [record for record in caplog.records if record.msg == "predictor_left_open"]
    assert record.__dict__["fields"] == {"model": "m", "version": 3, "predictions": 1}


def test_a_failed_prediction_does_not_hold_up_the_closing() -> None:
    version = load(Predictor("serial", ZeroDivisionError()))
    closed: list[bool] = []
    version.predictor.close = lambda: closed.append(True)  # type: ignore[method-assign]
    with pytest.raises(PredictionFailed):
        version.predict(BATCH)
    version.close(0)
    assert closed == [True]


def test_a_signature_that_cannot_be_served_is_refused_before_a_predictor_is_open() -> None:
    signature = Signature((Field("x", "int32", minimum=1.2, maximum=1.8),), SIGNATURE.outputs)
    with pytest.raises(SignatureError, match="'x'"):
        load(None, signature)  # Whoever loads None fails with another error.


def test_what_only_the_slow_decoder_accepts_is_counted() -> None:
    signature = Signature((Field("note", "string"),), SIGNATURE.outputs)
    counted: list[None] = []
    version = load(Predictor("serial"), signature, lambda: counted.append(None))
    version.decoder.decode(b'[["x"]]', None)
    assert not counted
    version.decoder.decode(rb'[["\\u0000"]]', None)
    assert len(counted) == 1


def _refused(version: LoadedVersion) -> bool:
    """Whether the version, whose predictions would wait at the gate, lets nobody in any more."""
    try:
        with version.users:
            return False
    except ModelNotReady:
        with pytest.raises(ModelNotReady, match="closed"):
            version.predict(BATCH)
        return True


class Explaining(Predictor):
    """Explains in the way it is given: an exception, or arrays (n, 1, inputs), (n, 1), (n, 1)."""

    def __init__(self, answer: Any = None, concurrency: str = "serial") -> None:
        super().__init__(concurrency)
        self.answer = answer
        self.entered, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()
        self.closed = 0

    def explain(self, batch: Batch) -> Any:
        self.entered.release()
        self.gate.wait(20)
        assert not self.closed
        if isinstance(self.answer, Exception):
            raise self.answer
        width = 1 if self.answer is None else self.answer
        zeros = np.zeros((batch.n, 1), np.float32)
        return Explanation("m", "s", (None,), np.ones((batch.n, 1, width), np.float32), zeros, zeros + 1)

    def close(self) -> None:
        self.closed += 1


def test_a_version_explains_if_its_predictor_can() -> None:
    silent, explaining = load(Predictor("serial")), load(Explaining())
    assert (silent.explains, explaining.explains) == (False, True)
    assert explaining.explain(BATCH).contributions.tolist() == [[[1.0]]]
    with pytest.raises(NotSupported, match="The double predictor of m version 3 cannot explain its predictions"):
        silent.explain(BATCH)


def test_a_failing_or_misshapen_explanation_is_a_failure_that_names_no_secret() -> None:
    cause = ZeroDivisionError("secret")
    with pytest.raises(PredictionFailed, match="failed to explain a valid request") as failed:
        load(Explaining(cause)).explain(BATCH)
    assert failed.value.__cause__ is cause
    with pytest.raises(PredictionFailed, match=r"shape of contributions is \(1, 1, 2\), not \(1, 1, 1\)"):
        load(Explaining(2)).explain(BATCH)
    with pytest.raises(NotSupported, match="no infinite numbers"):
        load(Explaining(NotSupported("There are no infinite numbers in an explanation."))).explain(BATCH)
    broken = load(Explaining())
    broken.predictor.explain = lambda batch: {"no": "explanation"}  # type: ignore[attr-defined]
    with pytest.raises(PredictionFailed, match="failed to explain"):
        broken.explain(BATCH)


def test_a_version_is_not_closed_under_an_explanation_that_runs() -> None:
    predictor = Explaining()
    version = load(predictor)
    predictor.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(version.explain, BATCH)
        assert predictor.entered.acquire(timeout=20)
        closing = pool.submit(version.close)
        until(lambda: not version.users._open)
        assert not predictor.closed
        predictor.gate.set()
        running.result(20)
        closing.result(20)
    assert predictor.closed == 1
    with pytest.raises(ModelNotReady):
        version.explain(BATCH)


def test_wide_explanations_are_of_fewer_instances() -> None:
    limits = Limits(body=1 << 20, instances=10_000, problems=1, depth=9, explained=1000, image_pixels=1_000_000)
    fields = tuple(Field(f"f{number}", "float32") for number in range(500))
    assert limits.explained_of(Signature(fields, (OutputField("p", "float32"),))) == 1000
    assert limits.explained_of(Signature(fields, (OutputField("p", "float32", (100,)),))) == 120
    assert limits.explained_of(Signature(fields, ())) == 1000


def test_explanations_that_take_long_are_of_fewer_instances() -> None:
    limits = Limits(body=1 << 20, instances=10_000, problems=1, depth=9, explained=1000, image_pixels=1_000_000)
    slow = Explaining()
    assert load(slow).explain_seconds == 0
    slow.explain_seconds = 0.025  # type: ignore[attr-defined]
    assert limits.explained_of(SIGNATURE, load(slow).explain_seconds) == 119
    assert limits.explained_of(SIGNATURE, 60.0) == 1
    assert limits.explained_of(SIGNATURE, 0.0001) == 1000


def test_a_predictor_says_how_it_may_be_called_and_is_closed_where_it_does_not() -> None:
    predictor = Gated()
    predictor.concurrency = "paralel"
    with pytest.raises(NotSupported, match="concurrency = 'paralel': it must be 'parallel' or 'serial'"):
        load(predictor)
    assert predictor.closed == 1
