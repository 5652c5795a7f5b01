"""ONNX models for the tests: of scikit-learn's converter, and made by hand.

`contract_artefact` and `library_answers` are what the tests that are true of every family ask for.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

OPSET = 21
IR = 10
COLUMNS = ("length", "width", "weight")


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Sequence[int | str | None] | None]],
    outputs: Mapping[str, tuple[int, Sequence[int | str | None] | None]],
    *,
    metadata: Mapping[str, str] | None = None,
    initializers: Mapping[str, np.ndarray] | None = None,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """A graph; inputs and outputs are named types and shapes."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *what) for name, what in inputs.items()],
        [helper.make_tensor_value_info(name, *what) for name, what in outputs.items()],
        initializer=[onnx.numpy_helper.from_array(array, name) for name, array in (initializers or {}).items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR, producer_name="tests"
    )
    helper.set_model_props(model, dict(metadata or {}))
    return model


def written(model: onnx.ModelProto, folder: Path, sidecar: Mapping[str, Any] | None = None) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    if sidecar is not None:
        path.with_name(path.name + ".signature.json").write_text(json.dumps(sidecar))
    return path


def linear(
    rows: int | str | None = "n", *, wide: int = 3, metadata: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """y = x · w + b, of `wide` numbers a row to two."""
    chance = np.random.default_rng(1)
    weights = {"w": chance.normal(size=(wide, 2)).astype(np.float32), "b": np.array([1, -1], np.float32)}
    return model_of(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        {"x": (TensorProto.FLOAT, [rows, wide])},
        {"y": (TensorProto.FLOAT, [rows, 2])},
        initializers=weights,
        metadata=metadata,
    )


def same(type_: int, shape: Sequence[int | str | None] | None, **more: Any) -> onnx.ModelProto:
    """y is x."""
    return model_of([helper.make_node("Identity", ["x"], ["y"])], {"x": (type_, shape)}, {"y": (type_, shape)}, **more)


def forest(folder: Path, *, zipmap: bool = True, texts: bool = True) -> Path:
    """A forest over three columns and three classes, as scikit-learn's converter writes it."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    chance = np.random.default_rng(3)
    features = chance.normal(size=(200, 3)).astype(np.float32)
    classes = np.array(["apple", "banana", "cherry"]) if texts else np.array([3, 5, 7])
    forest = RandomForestClassifier(5, max_depth=4, random_state=0, n_jobs=1)
    forest.fit(features, classes[np.digitize(features.sum(axis=1), [-1, 1])])
    options = {} if zipmap else {id(forest): {"zipmap": False}}
    return written(to_onnx(forest, features[:1], options=options), folder)


def contract_artefact(folder: Path) -> Path:
    """The forest with names for its columns and its classes."""
    path = forest(folder)
    inputs = [{"name": name, "type": "float32"} for name in COLUMNS]
    label = {"name": "output_label", "type": "category", "categories": ["apple", "banana", "cherry"]}
    path.with_name(path.name + ".signature.json").write_text(json.dumps({"inputs": inputs, "outputs": [label]}))
    return path


def library_answers(path: Path, instances: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """What ONNX Runtime answers by itself to the forest."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    features = np.array([[instance[name] for name in COLUMNS] for instance in instances], np.float32)
    labels, maps = session.run(None, {"X": features})
    keys = sorted(maps[0])
    return {
        "output_label": np.asarray(labels, object),
        "output_probability": np.array([[row[key] for key in keys] for row in maps], np.float32),
    }
