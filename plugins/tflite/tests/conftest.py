"""Fixtures of the TensorFlow Lite plugin's tests; the models themselves come from `tflite_samples`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The folder of a plugin's tests is no package, so that the plugin can move to a repository of its own as it is.
sys.path.insert(0, str(Path(__file__).parent))

from mlserve_tflite.family import TfliteFamily, TflitePredictor


@pytest.fixture(scope="session")
def family() -> TfliteFamily:
    return TfliteFamily()


@pytest.fixture
def load(family: TfliteFamily) -> Callable[..., TflitePredictor]:
    """Loads a model file as the registry does, by default with the signature that the file tells of."""

    def load(path: Path, signature=None) -> TflitePredictor:
        return family.load(path, signature or family.inspect(path), {})

    return load
