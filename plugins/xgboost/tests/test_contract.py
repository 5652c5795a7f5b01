"""The plugin keeps mlserve's contract, with every kind of input, with classes, and with each booster."""

from functools import partial
from pathlib import Path

import pytest
import xgboost_zoo

from mlserve.testing import ContractSuite, ModelSuite


def trained(name: str, folder: Path) -> Path:
    return xgboost_zoo.train(name, folder).path


class OfXGBoost(ModelSuite):
    plugin = "xgboost"


class TestFrame(OfXGBoost, ContractSuite):
    artefact = staticmethod(partial(trained, "frame-partition"))


@pytest.mark.exhaustive
class TestClasses(OfXGBoost):
    artefact = staticmethod(partial(trained, "softprob-3"))


class TestVectorLeaves(OfXGBoost):
    artefact = staticmethod(partial(trained, "softprob-3-vector-leaves"))


@pytest.mark.exhaustive
class TestDart(OfXGBoost):
    artefact = staticmethod(partial(trained, "frame-dart"))


@pytest.mark.exhaustive
class TestLinear(OfXGBoost):
    artefact = staticmethod(partial(trained, "linear"))
