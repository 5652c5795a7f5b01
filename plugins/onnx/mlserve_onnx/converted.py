"""The engine `onnx` of other families: a model converted once, proved against its own library, and kept.

Converting and proving take seconds of processor, and may fail in any way: they run in a process of their own, with a
limit of time. What came of them stands in a folder, by the artefact's SHA-256 and the versions of the libraries.
"""

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import BundleError, MlserveError
from mlserve.private_file import replace as replace_private
from mlserve_onnx import parity
from mlserve_onnx.ensemble import FACTOR, INPUT, LINK, LINKS, OUTPUT, Ensemble
from mlserve_onnx.session import make_session, version

NAME: Final = "onnx"
SECONDS: Final = 120.0  # of waiting for a conversion
_FORMAT: Final = 1  # Raised when the same trees are converted otherwise.
_LONGEST: Final = 200  # characters of what a conversion says that has died
_REFUSED: Final = 3  # The exit status of a conversion that refuses.

log = logging.getLogger("mlserve.onnx")

Matrix = NDArray[np.floating[Any]]


class Refused(Exception):
    """The converted model may not answer; the text says why, in a sentence."""


class ConvertedEngine:
    """A converted model; `predict` may be called from many threads at once."""

    def __init__(self, model: bytes, name: str, threads: int = 1) -> None:
        """Raises BundleError."""
        session = make_session(model, name, threads)
        self._run, told = session.run, session.get_modelmeta().custom_metadata_map
        self._link, self._factor = LINKS[told[LINK]], float(told[FACTOR])

    def predict(self, matrix: Matrix) -> Matrix:
        """Answer a matrix (n, features) of the model's type: an array (n, width)."""
        sums: Matrix = self._run([OUTPUT], {INPUT: matrix})[0]
        return self._link(sums if self._factor == 1 else sums * sums.dtype.type(self._factor))


def load(
    path: Path, raw: bytes, refusal: str | None, *, converter: str, engines: Path | None, libraries: Mapping[str, str]
) -> tuple[ConvertedEngine | None, str | None]:
    """The converted engine of an artefact; or None and the reason, which is logged as `engine_refused`.

    `refusal` is why the family does not convert it, where it does not. `converter` is the module that converts it when
    it is run with the artefact's path and where to write; `engines` the folder in which the outcome is kept, None for
    nowhere; `libraries` the versions that the outcome depends on.
    """
    try:
        if refusal is not None:
            raise Refused(refusal)
        return ConvertedEngine(_kept(path, raw, converter, engines, libraries), path.name), None
    except (Refused, BundleError, OSError) as error:
        reason = str(error)
    log.warning("engine_refused", extra={"fields": {"artefact": path.name, "engine": NAME, "reason": reason}})
    return None, reason


def convert(path: Path, target: Path, ensemble: Callable[[], tuple[Ensemble, parity.Probe, parity.Ask]]) -> int:
    """What a converter does in its process: write the proved model, or say on standard output why not.

    `ensemble` gives the trees, what to ask them, and the library's own answers; it raises Refused or what the family
    raises. Returns the status to exit with.
    """
    try:
        trees, probe, exact = ensemble()
        model = trees.graph()
        reason = parity.refusal(exact, ConvertedEngine(model, path.name).predict, parity.rows_of(probe, trees.dtype))
    except (Refused, MlserveError) as error:
        reason = str(error)
    if reason is not None:
        sys.stdout.write(json.dumps(reason))
        return _REFUSED
    replace_private(target, model)
    return 0


def _kept(path: Path, raw: bytes, converter: str, engines: Path | None, libraries: Mapping[str, str]) -> bytes:
    if engines is None:
        with tempfile.TemporaryDirectory(prefix="mlserve-engine-") as folder:
            target = Path(folder) / "model.onnx"
            _run(converter, path, target)
            return target.read_bytes()
    engines.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = {**libraries, "onnxruntime": version()}
    words = [hashlib.sha256(raw).hexdigest(), *(f"{name}{known[name]}" for name in sorted(known)), str(_FORMAT)]
    target = engines / f"{'-'.join(words)}.onnx"
    refused = target.with_suffix(".refused")
    if refused.exists():
        raise Refused(refused.read_text(encoding="utf-8"))
    if not target.exists():
        try:
            _run(converter, path, target)
        except Refused as error:
            replace_private(refused, str(error).encode())
            raise
    return target.read_bytes()


def _run(converter: str, path: Path, target: Path) -> None:
    """Convert in a process of its own. Raises Refused, and BundleError where that says nothing of the model."""
    command = [sys.executable, "-m", converter, str(path), str(target)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise BundleError(f"The conversion of {path.name} took longer than {SECONDS:g} s.") from None
    if done.returncode == _REFUSED:
        raise Refused(json.loads(done.stdout.splitlines()[-1]))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        reason = last[:_LONGEST].rstrip(" .")
        raise BundleError(f"The conversion of {path.name} ended with {done.returncode}: {reason}.")
