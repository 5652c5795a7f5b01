"""A loaded version: what is derived once, and what a failing predictor becomes."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve.errors import NotSupported, PredictionFailed, TooLarge
from mlserve.inference.loaded import Limits, LoadedVersion, load_version
from mlserve.signature import Batch, Field, OutputField, Signature

SIGNATURE = Signature((Field("x", "float64"),), (OutputField("value", "float64"),))
LIMITS = Limits(body=1024, instances=2, problems=3, depth=8)


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

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def load(self, path: Path, signature: Signature, settings: Any) -> Predictor:
        assert settings == {"threads": 1}
        return self.predictor

    def libraries(self) -> dict[str, str]:
        return {"b": "2", "a": "1.0"}


def load(predictor: Predictor) -> LoadedVersion:
    identity = {"model": "m", "version": 3, "digest": "d", "plugin": "p 1"}
    return load_version(
        Family(predictor),  # type: ignore[arg-type]
        Path("m.double"),
        identity=identity,
        signature=SIGNATURE,
        manifest={},
        settings={"threads": 1},
        limits=LIMITS,
    )


BATCH = Batch.from_rows(SIGNATURE, [(1.5,)])


def test_the_lineage_names_what_answers() -> None:
    lineage = load(Predictor("serial")).lineage
    assert (lineage.model, lineage.version, lineage.digest, lineage.plugin) == ("m", 3, "d", "p 1")
    assert (lineage.family, lineage.engine, lineage.library) == ("double", "exact", "a 1.0, b 2")


def test_what_is_derived_from_the_signature_holds_the_limits() -> None:
    version = load(Predictor("serial"))
    with pytest.raises(TooLarge):
        version.decoder.decode(b"[[1],[2],[3]]", None)
    assert version.stored_inputs.encode(BATCH) == b'[{"x":1.5}]'
    assert version.output_encoder.encode(version.predict(BATCH)) == (b'[{"value":3.0}]', [])


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
