"""Fixtures of the XGBoost plugin's tests; the models themselves come from `xgboost_zoo`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The folder of a plugin's tests is no package, so that the plugin can move to a repository of its own as it is.
sys.path.insert(0, str(Path(__file__).parent))

import xgboost_zoo

from mlserve_xgboost.family import XGBoostFamily, XGBoostPredictor


@pytest.fixture
def family() -> XGBoostFamily:
    return XGBoostFamily()


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], xgboost_zoo.Animal]:
    """Trains each model of the zoo once, when it is first asked for by name."""
    folder = tmp_path_factory.mktemp("zoo")
    trained: dict[str, xgboost_zoo.Animal] = {}

    def animal(name: str) -> xgboost_zoo.Animal:
        if name not in trained:
            trained[name] = xgboost_zoo.train(name, folder)
        return trained[name]

    return animal


@pytest.fixture
def load(family: XGBoostFamily) -> Callable[..., XGBoostPredictor]:
    """Loads a model file as the registry does, by default with the signature that the file tells of."""

    def load(path: Path, signature=None, threads: int = 1) -> XGBoostPredictor:
        return family.load(path, signature or family.inspect(path), {"threads": threads})

    return load
