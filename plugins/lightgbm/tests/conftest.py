"""Fixtures of the LightGBM plugin's tests; the models themselves come from `lightgbm_zoo`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The folder of a plugin's tests is no package, so that the plugin can move to a repository of its own as it is.
sys.path.insert(0, str(Path(__file__).parent))

import lightgbm_zoo

from mlserve_lightgbm.family import LightGBMFamily, LightGBMPredictor


@pytest.fixture
def family() -> LightGBMFamily:
    return LightGBMFamily()


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> lightgbm_zoo.Trainer:
    """Trains each model of the zoo once, when it is first asked for by name."""
    folder = tmp_path_factory.mktemp("zoo")
    trained: dict[str, lightgbm_zoo.Animal] = {}

    def animal(name: str) -> lightgbm_zoo.Animal:
        if name not in trained:
            trained[name] = lightgbm_zoo.train(name, folder)
        return trained[name]

    return animal


@pytest.fixture
def load(family: LightGBMFamily) -> Callable[..., LightGBMPredictor]:
    """Loads a model file as the registry does, by default with the signature of the file and its sidecar."""

    def load(path: Path, signature=None, **settings) -> LightGBMPredictor:
        return family.load(
            path,
            signature or lightgbm_zoo.Animal(path, None).signature(),
            {"threads": 1, "engine": "exact", **settings},
        )

    return load
