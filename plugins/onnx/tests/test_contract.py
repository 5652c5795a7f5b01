"""The plugin keeps mlserve's contract, with each form of a model."""

from pathlib import Path

import onnx_samples
import pytest
from onnx import TensorProto, helper

from mlserve.testing import ContractSuite, ModelSuite


class OfOnnx(ModelSuite):
    plugin = "onnx"


class TestColumns(OfOnnx, ContractSuite):
    artefact = staticmethod(onnx_samples.contract_artefact)


class TestRows(OfOnnx):
    tolerance = 1e-6  # The runtime multiplies matrices of other sizes in another order.

    @staticmethod
    def artefact(folder: Path) -> Path:
        return onnx_samples.written(onnx_samples.linear(), folder)


@pytest.mark.exhaustive
class TestWhole(OfOnnx):
    """Sizes that vary, and an output without any axis."""

    @staticmethod
    def artefact(folder: Path) -> Path:
        nodes = [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0), helper.make_node("Identity", ["t"], ["u"])]
        inputs = {"x": (TensorProto.FLOAT, ["a", 2]), "t": (TensorProto.STRING, ["b"])}
        outputs = {"y": (TensorProto.FLOAT, []), "u": (TensorProto.STRING, ["b"])}
        return onnx_samples.written(onnx_samples.model_of(nodes, inputs, outputs), folder)


@pytest.mark.exhaustive
class TestPictures(OfOnnx):
    @staticmethod
    def artefact(folder: Path) -> Path:
        nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)]
        inputs, outputs = {"x": (TensorProto.FLOAT, ["n", 3, 8, 6])}, {"y": (TensorProto.FLOAT, ["n", 3])}
        model = onnx_samples.model_of(nodes, inputs, outputs, opset=13)
        return onnx_samples.written(model, folder, {"inputs": [{"name": "x", "type": "image"}]})
