"""The conformance suite of ONNX itself: the models that the package `onnx` ships, with inputs and expected outputs.

Each goes the whole way (file, signature, checked Batch, predictor, JSON) and is compared by its own tolerance. What
ONNX Runtime by itself cannot load, or answers otherwise than expected, says nothing about us: it is asked, not listed.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from mlserve.errors import MlserveError
from mlserve.signature import Batch, Decoder, OutputEncoder, Signature
from mlserve_onnx.family import OnnxFamily

# 2,000 models and the making of their expected outputs, on a machine that has other things to do too.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PARTS = 4
SHIPPED = ("simple", "pytorch-operator", "pytorch-converted")
NOT_TAKEN = {
    "an element type that no signature has": ("a type that no signature has",),
    "sequences and optional values": ("seq(tensor(", "optional("),
    "no inputs": ("has no inputs",),
}


@dataclass(frozen=True)
class Case:
    name: str
    raw: bytes
    sets: Sequence[tuple[Sequence[Any], Sequence[Any]]]
    rtol: float
    atol: float


@cache
def node_cases() -> list[Case]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # Their making divides by zero on purpose.
        from onnx.backend.test.case.node import collect_testcases

        return [
            Case(case.name, case.model.SerializeToString(), case.data_sets, case.rtol, case.atol)
            for case in collect_testcases(None)
        ]


def shipped_cases(kind: str) -> Iterator[Case]:
    for case in load_model_tests(kind=kind):
        folder = Path(case.model_dir)
        raw = (folder / "model.onnx").read_bytes()
        graph = onnx.load_from_string(raw).graph
        sets = [
            (read_all(data, "input", graph.input), read_all(data, "output", graph.output))
            for data in sorted(folder.glob("test_data_set_*"))
        ]
        yield Case(case.name, raw, sets, case.rtol, case.atol)


def read_all(folder: Path, kind: str, values: Sequence[Any]) -> list[Any]:
    found = []
    for number, value in enumerate(values[: len([*folder.glob(f"{kind}_*.pb")])]):
        held = onnx.SequenceProto() if value.type.HasField("sequence_type") else onnx.TensorProto()
        held.ParseFromString((folder / f"{kind}_{number}.pb").read_bytes())
        found.append(numpy_helper.to_list(held) if isinstance(held, onnx.SequenceProto) else held)
    return found


def array_of(value: Any) -> np.ndarray:
    """What the package gives, as our signatures have it: bfloat16 as float32, texts as str."""
    array = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
    if array.dtype.kind in "OSUT":
        texts = [text.decode() if isinstance(text, bytes) else str(text) for text in array.ravel()]
        return np.array(texts, object).reshape(array.shape)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def judged(case: Case, path: Path) -> str:
    """How the case ends: `passed`, or why it does not count. Raises AssertionError where we are wrong."""
    path.write_bytes(case.raw)
    try:
        signature = OnnxFamily().inspect(path)
    except MlserveError as refusal:
        if plain_session(case) is None:
            return "the runtime cannot load it"
        return reason_of(refusal)
    predictor = OnnxFamily().load(path, signature, {"threads": 1})
    try:
        for inputs, expected in case.sets:
            batch = batch_of(signature, inputs, predictor.description["instance"] == "whole")
            try:
                answers = predictor.predict(batch)
                for field, wanted in zip(signature.outputs, expected, strict=True):
                    found = answers[field.name]
                    same(case, found[0] if predictor.description["instance"] == "whole" else found, array_of(wanted))
            except Exception as wrong:
                if runtime_is_wrong(case, inputs, expected):
                    return "the runtime answers otherwise"
                raise AssertionError(f"{case.name}: {wrong}") from wrong
            OutputEncoder(signature).encode(answers, batch.n)
    finally:
        predictor.close()
    return "passed"


def reason_of(refusal: MlserveError) -> str:
    said = str(refusal)
    return next((reason for reason, words in NOT_TAKEN.items() if any(word in said for word in words)), said)


def batch_of(signature: Signature, inputs: Sequence[Any], whole: bool) -> Batch:
    """Checked as a caller's arrays are; numbers that no caller may send (NaN, infinities) go around the check."""
    arrays = [array_of(value) for value in inputs]
    columns = {name: array[None] if whole else array for name, array in zip(signature.names, arrays, strict=True)}
    if all(array.dtype.kind != "f" or np.isfinite(array).all() for array in arrays):
        return Decoder(signature, max_instances=10_000, max_problems=3).decode_arrays(columns)
    return Batch.from_columns(signature, {name: _given(array) for name, array in columns.items()})


def _given(array: np.ndarray) -> Any:
    return array if array.dtype != object else array.tolist()


def same(case: Case, found: Any, wanted: np.ndarray) -> None:
    if wanted.dtype == object:
        assert np.array_equal(np.asarray(found, object), wanted), (found, wanted)
        return
    found = np.asarray(found)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=case.rtol, atol=case.atol)


def plain_session(case: Case) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(case.raw, options, providers=["CPUExecutionProvider"])
    except Exception:  # The library's errors have no common base.
        return None


def runtime_is_wrong(case: Case, inputs: Sequence[Any], expected: Sequence[Any]) -> bool:
    session = plain_session(case)
    names = [value.name for value in session.get_inputs()]
    try:
        answers = session.run(None, dict(zip(names, map(array_of, inputs), strict=True)))
        for found, wanted in zip(answers, expected, strict=True):
            same(case, found, array_of(wanted))
    except Exception:
        return True
    return False


@pytest.fixture(scope="module")
def outcomes() -> Counter[str]:
    return Counter()


def run(cases: Sequence[Case], folder: Path, outcomes: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    wrong = []
    for case in cases:
        try:
            found[judged(case, folder / "model.onnx")] += 1
        except AssertionError as error:
            wrong.append(str(error)[:300])
    assert wrong == []
    outcomes.update(found)
    return found


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(PARTS))
def test_operators(part, tmp_path, outcomes):
    found = run(node_cases()[part::PARTS], tmp_path, outcomes)
    assert found["passed"] > 380


@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_models(kind, tmp_path, outcomes):
    found = run([*shipped_cases(kind)], tmp_path, outcomes)
    assert found["passed"] + found["the runtime cannot load it"] == found.total()


def test_what_does_not_count_is_little_and_known(outcomes):
    if outcomes.total() < 2000:
        pytest.skip("counts what the other tests of this module have found")
    known = {"passed", "the runtime cannot load it", "the runtime answers otherwise", *NOT_TAKEN}
    assert {*outcomes} <= known
    assert outcomes["passed"] > 1600
    assert outcomes["the runtime answers otherwise"] < 40
    assert outcomes["an element type that no signature has"] < 150
    assert outcomes["sequences and optional values"] < 30
    assert outcomes["no inputs"] == 1
