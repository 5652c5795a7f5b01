"""What the library makes of a file, found out in a process of its own.

TensorFlow Lite checks a file's FlatBuffer and trusts the rest: a number that is wrong may end the process. So a file
is opened, and asked once with zeros, where nobody else is ended with it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlserve.errors import BundleError

_SECONDS: Final = 120  # twice the processor time that the process gives itself


@dataclass(frozen=True)
class Tensor:
    """An input or output of the model; -1 in its shape is any size. `scale` is None where it is not quantised."""

    name: str
    index: int
    shape: tuple[int, ...]
    type: str  # numpy's name of it, or `string`
    scale: float | None
    zero: int


@dataclass(frozen=True)
class Probed:
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: Mapping[str, int]  # how many nodes of each kind, the most frequent first


def probe(raw: bytes, name: str) -> Probed:
    """Raises BundleError, one sentence, where the library refuses the file, or ends with a fault."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", str(Path(__file__).with_name("child.py"))]
    try:
        done = subprocess.run(command, input=raw, capture_output=True, env=environ, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"TensorFlow Lite cannot load {name}: it takes too long.") from error
    if done.returncode != 0:
        raise BundleError(f"TensorFlow Lite ended with a fault when it loaded {name}: the file is damaged.")
    try:
        told = json.loads(done.stdout)
    except ValueError as error:
        raise BundleError(f"TensorFlow Lite cannot load {name}: it said nothing.") from error
    if "refused" in told:
        raise BundleError(f"TensorFlow Lite cannot load {name}: {told['refused']}")
    return Probed(_tensors(told["inputs"]), _tensors(told["outputs"]), told["operators"])


def _tensors(told: Sequence[dict[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(**{**tensor, "shape": tuple(tensor["shape"])}) for tensor in told)
