"""The plugin keeps mlserve's contract, with every kind of input, with classes, and with each kind of tree."""

from functools import partial
from pathlib import Path

import lightgbm_zoo

from mlserve.testing import ContractSuite, ModelSuite


def trained(name: str, folder: Path) -> Path:
    return lightgbm_zoo.train(name, folder).path


class OfLightGBM(ModelSuite):
    plugin = "lightgbm"


class TestFrame(OfLightGBM, ContractSuite):
    artefact = staticmethod(partial(trained, "frame"))


class TestClasses(OfLightGBM):
    artefact = staticmethod(partial(trained, "multiclass"))


class TestCodes(OfLightGBM):
    artefact = staticmethod(partial(trained, "codes"))


class TestLinear(OfLightGBM):
    artefact = staticmethod(partial(trained, "linear"))
