"""The plugin keeps mlserve's contract, with every kind of input, with classes, and with each kind of tree."""

from functools import partial
from pathlib import Path

import lightgbm_zoo
import pytest

from mlserve.testing import ContractSuite, ModelSuite


def trained(name: str, folder: Path) -> Path:
    return lightgbm_zoo.train(name, folder).path


class OfLightGBM(ModelSuite):
    plugin = "lightgbm"


class TestFrame(OfLightGBM, ContractSuite):
    artefact = staticmethod(partial(trained, "frame"))


@pytest.mark.exhaustive
class TestClasses(OfLightGBM):
    artefact = staticmethod(partial(trained, "multiclass"))


@pytest.mark.exhaustive
class TestCodes(OfLightGBM):
    artefact = staticmethod(partial(trained, "codes"))


@pytest.mark.exhaustive
class TestLinear(OfLightGBM):
    artefact = staticmethod(partial(trained, "linear"))
