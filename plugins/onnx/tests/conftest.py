"""Fixtures of the ONNX plugin's tests; the models themselves come from `onnx_samples`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The folder of a plugin's tests is no package, so that the plugin can move to a repository of its own as it is.
sys.path.insert(0, str(Path(__file__).parent))

from mlserve_onnx.family import OnnxFamily, OnnxPredictor


@pytest.fixture
def family() -> OnnxFamily:
    return OnnxFamily()


@pytest.fixture
def load(family: OnnxFamily) -> Callable[..., OnnxPredictor]:
    """Loads a model file as the registry does, by default with the signature that the file tells of."""

    def load(path: Path, signature=None, threads: int = 1) -> OnnxPredictor:
        return family.load(path, signature or family.inspect(path), {"threads": threads})

    return load
