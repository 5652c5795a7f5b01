"""The family `onnx`: from a model file to a signature, and to a predictor that answers it."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import BundleError
from mlserve.signature import Batch, Signature
from mlserve.tensors import INSTANCES, Outputs, Runner
from mlserve_onnx import session
from mlserve_onnx.feeds import make_feeds
from mlserve_onnx.form import Form, form_of
from mlserve_onnx.model_file import ModelFile, Value, read
from mlserve_onnx.runner import run_of

NAME: Final = "onnx"
THREADS: Final = "mlserve.onnx.threads"


class OnnxFamily:
    """Reads `.onnx` files; no code runs when one is loaded."""

    name = NAME
    formats = (".onnx",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        """The signature that the file tells of, to be completed by a sidecar. Raises BundleError or SignatureError."""
        _, _, form = _opened(path, 1, as_it_is=True)
        return form.signature

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "OnnxPredictor":
        """Load the file to answer `signature`. Raises BundleError or SignatureError, each one sentence."""
        file, loaded, form = _opened(path, int(settings["threads"]))
        return OnnxPredictor(file, loaded, form, signature)

    def libraries(self) -> dict[str, str]:
        """The library that computes the answers."""
        return {"onnxruntime": session.version()}

    def save(self, model: object, folder: Path) -> Path | None:
        """A live `onnx.ModelProto` as a file; None for anything else. Raises BundleError."""
        library = sys.modules.get("onnx")
        if library is None or not isinstance(model, library.ModelProto):  # Nobody has one without the library.
            return None
        path = folder / "model.onnx"
        try:
            path.write_bytes(model.SerializeToString(deterministic=True))
        except ValueError as error:
            raise BundleError(f"The model cannot be written as one file: {error}.") from error
        return path

    def reference(self, path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
        """What a session of ONNX Runtime answers that is made of the file with the library's own defaults."""
        import onnxruntime

        file, _, form = _opened(path, 1)
        plain = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return OnnxPredictor(file, plain, form, signature).predict(batch)


class OnnxPredictor:
    """A loaded ONNX model; answers from many threads at once."""

    concurrency: Literal["parallel"] = "parallel"
    engine = "onnxruntime"

    def __init__(self, file: ModelFile, loaded: Any, form: Form, signature: Signature) -> None:
        """Raises SignatureError where the model cannot answer the signature."""
        self._outputs = Outputs(form.signature.outputs, signature)
        feeds = make_feeds(file, form, signature)
        self._run: Runner | None = Runner(run_of(loaded, form), form.mode, feeds, form.signature.outputs)
        self.description = _described(file, form)
        self._info = {
            "opset": file.opsets.get("", file.opsets.get("ai.onnx")),
            "producer": file.producer or None,
            "instance": INSTANCES[form.mode],
            "nodes": sum(file.operators.values()),
            "parameters": file.parameters,
        }

    def predict(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Answer the Batch, in the types of the model's outputs; labels as the number of their class."""
        assert self._run is not None  # The core asks no closed predictor.
        return self._outputs(self._run(batch))

    def info(self) -> dict[str, Any]:
        return dict(self._info)

    def close(self) -> None:
        self._run = None


def _opened(path: Path, threads: int, *, as_it_is: bool = False) -> tuple[ModelFile, Any, Form]:
    file = read(path)
    loaded = session.make_session(file.raw, path.name, threads, as_it_is=as_it_is)
    return file, loaded, form_of(file, _inferred(file, loaded))


def _inferred(file: ModelFile, loaded: Any) -> list[Value]:
    """The outputs, with the sizes that the library infers where the file has none."""
    inferred = {output.name: tuple(output.shape) for output in loaded.get_outputs()}
    # For the library an output of any rank looks as one of none: only the file tells them apart.
    return [
        Value(value.name, value.type, inferred.get(value.name) or value.shape, value.denotation)
        for value in file.outputs
    ]


def _described(file: ModelFile, form: Form) -> dict[str, Any]:
    """The graph for people, in JSON values."""
    return {
        "producer": file.producer or None,
        "ir_version": file.ir_version,
        "opsets": {domain or "ai.onnx": version for domain, version in file.opsets.items()},
        "instance": form.mode,
        "inputs": [_told(value) for value in form.inputs],
        "outputs": [_told(value) for value in form.outputs],
        "nodes": sum(file.operators.values()),
        "operators": dict(file.operators),
        "parameters": file.parameters,
        "metadata": dict(file.metadata),
    }


def _told(value: Value) -> dict[str, Any]:
    return {"name": value.name, "type": value.type, "shape": None if value.shape is None else list(value.shape)}
