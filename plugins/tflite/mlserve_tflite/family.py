"""The family `tflite`: from a model file to a signature, and to a predictor that answers it."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import BundleError
from mlserve.signature import Batch, Signature
from mlserve.tensors import INSTANCES, Outputs, Run, Runner
from mlserve_tflite import interpreters
from mlserve_tflite.form import Form, form_of
from mlserve_tflite.interpreters import Interpreters
from mlserve_tflite.notes import MARK, notes_of
from mlserve_tflite.probe import Probed, probe
from mlserve_tflite.tensors import answer_of, make_feeds

NAME: Final = "tflite"
_ROWS: Final = 256  # of one run: an interpreter keeps the memory that its largest run took
_PROBES: Final = 1000  # that are remembered


class TfliteFamily:
    """Reads `.tflite` files; no code runs when one is loaded."""

    name = NAME
    formats = (".tflite",)
    runs_code = False

    def __init__(self) -> None:
        self._probed: dict[bytes, Probed] = {}  # by the digest of the file: the same bytes are probed once

    def inspect(self, path: Path) -> Signature:
        """The signature that the file tells of, to be completed by a sidecar. Raises BundleError or SignatureError."""
        _, form = self._opened(path)
        return form.signature

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "TflitePredictor":
        """Load the file to answer `signature`. Raises BundleError or SignatureError, each one sentence."""
        raw, form = self._opened(path)
        return TflitePredictor(raw, form, signature)

    def libraries(self) -> dict[str, str]:
        """The library that computes the answers."""
        return {interpreters.LIBRARY: interpreters.version()}

    def save(self, model: object, folder: Path) -> Path | None:
        """What TensorFlow Lite's converter returned, as a file; None for anything but such bytes."""
        if not isinstance(model, bytes) or model[4:8] != MARK:
            return None
        path = folder / "model.tflite"
        path.write_bytes(model)
        return path

    def reference(self, path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
        """What an interpreter answers that is made for this, one instance at a time."""
        raw, form = self._opened(path)
        rows = batch.rows()
        one = [
            TflitePredictor(raw, form, signature).predict(Batch.from_rows(signature, rows[at : at + 1]))
            for at in range(batch.n)
        ]
        return {name: np.concatenate([answers[name] for answers in one]) for name in one[0]}

    def _opened(self, path: Path) -> tuple[bytes, Form]:
        if not interpreters.is_installed():
            raise BundleError(interpreters.INSTALL)
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise BundleError(f"The model file {path.name} cannot be read: {error.strerror}.") from error
        try:
            notes = notes_of(raw)
        except ValueError as error:
            raise BundleError(f"{path.name} is not a sound TensorFlow Lite model: {error}.") from error
        digest = hashlib.sha256(raw).digest()
        if digest not in self._probed:
            found = probe(raw, path.name)
            if len(self._probed) >= _PROBES:
                self._probed.clear()
            self._probed[digest] = found
        return raw, form_of(self._probed[digest], notes)


class TflitePredictor:
    """A loaded TensorFlow Lite model; answers from many threads at once, each with an interpreter of its own."""

    concurrency: Literal["parallel"] = "parallel"
    engine = "litert"

    def __init__(self, raw: bytes, form: Form, signature: Signature) -> None:
        """Raises SignatureError where the model cannot answer the signature, BundleError where it cannot be loaded."""
        self._outputs = Outputs(form.tensors.outputs, signature)
        feeds = make_feeds(form, signature)
        self.description = _described(form)
        try:
            self._interpreters = Interpreters(raw)
        except (RuntimeError, ValueError) as error:
            raise BundleError(f"TensorFlow Lite cannot load the model: {str(error).splitlines()[0]}") from error
        run = _run_of(self._interpreters, form.model)
        if form.mode == "rows":
            run = _in_pieces(run)
        self._run = Runner(run, form.mode, feeds, form.tensors.outputs, takes_empty=False)

    def predict(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Answer the Batch; quantised outputs as float32, labels as the number of their class.

        Raises Invalid where a tensor has a size of 0, which the library does not take.
        """
        return self._outputs(self._run(batch))

    def info(self) -> dict[str, Any]:
        return {
            "description": self.description["description"],
            "instance": INSTANCES[self.description["instance"]],
            "operators": sum(self.description["operators"].values()),
        }

    def close(self) -> None:
        self._interpreters.close()


def _run_of(interpreters: Interpreters, model: Probed) -> Run:
    indexes = [tensor.index for tensor in model.outputs]

    def run(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        inputs = {tensor.index: array for tensor, array in zip(model.inputs, arrays, strict=True)}
        found = interpreters.ask(inputs, indexes)
        return [answer_of(tensor, array) for tensor, array in zip(model.outputs, found, strict=True)]

    return run


def _in_pieces(run: Run) -> Run:
    """A run of many rows as several."""

    def runs(arrays: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        n = len(arrays[0])
        pieces = [run([array[at : at + _ROWS] for array in arrays]) for at in range(0, n, _ROWS)]
        return pieces[0] if len(pieces) == 1 else [np.concatenate(column) for column in zip(*pieces, strict=True)]

    return runs


def _described(form: Form) -> dict[str, Any]:
    """The tensors for people, in JSON values."""
    kinds = {"inputs": form.model.inputs, "outputs": form.model.outputs}
    return {
        "name": form.notes.name or None,
        "description": form.notes.description or None,
        "instance": form.mode,
        **{
            kind: [
                {
                    "name": tensor.name,
                    "type": tensor.type,
                    "shape": list(tensor.shape),
                    "scale": tensor.scale,
                    "zero": tensor.zero if tensor.scale is not None else None,
                }
                for tensor in tensors
            ]
            for kind, tensors in kinds.items()
        },
        "operators": dict(form.model.operators),
    }
