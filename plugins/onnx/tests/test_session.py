"""The one place where sessions are made: quiet, on the calling thread, with a sentence for what cannot be loaded."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from mlserve.errors import BundleError
from mlserve_onnx.session import first_sentence, make_session, version


def doubling(**changes) -> bytes:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3]) for name in ("x", "y")]
    node = helper.make_node(changes.get("operator", "Add"), ["x", "x"], ["y"])
    graph = helper.make_graph([node], "doubling", tensors[:1], tensors[1:])
    opset = helper.make_opsetid("", changes.get("opset", 17))
    return helper.make_model(graph, opset_imports=[opset], ir_version=changes.get("ir", 10)).SerializeToString()


def test_a_session_answers_and_starts_no_thread_of_its_own(capfd):
    make_session(doubling(), "first")  # The library's own first use.
    tasks = Path("/proc/self/task")
    before = len(list(tasks.iterdir()))
    sessions = [make_session(doubling(), "model.onnx") for _ in range(5)]
    (answer,) = sessions[0].run(None, {"x": np.ones((2, 3), np.float32)})
    assert (answer == 2).all()
    assert len(list(tasks.iterdir())) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (b"", "No graph was found in the protobuf"),
        (b"no protobuf", "protobuf parsing failed"),
        (doubling(operator="Nope"), "No Op registered for Nope"),
        (doubling(opset=99), "Opset 99 is under development"),
        (doubling(ir=99), "Unsupported model IR version: 99"),
    ],
    ids=["empty", "no protobuf", "operator", "opset", "IR version"],
)
def test_what_cannot_be_loaded_is_one_sentence(model, sentence, capfd):
    with pytest.raises(BundleError) as refused:
        make_session(model, "model.onnx")
    text = str(refused.value)
    assert text.startswith("ONNX Runtime cannot load model.onnx: ")
    assert sentence in text
    assert "\n" not in text
    assert "onnxruntime_src" not in text
    assert capfd.readouterr() == ("", "")


def test_a_reason_has_its_length_and_may_be_none():
    assert len(first_sentence(ValueError("x" * 1000))) == 301
    assert first_sentence(ValueError("")) == "it does not say why."
    assert version().count(".") == 2
