"""The plugin keeps mlserve's contract, with each form of a model."""

from pathlib import Path

import pytest
import tflite_samples

from mlserve.testing import ContractSuite, ModelSuite


class OfTflite(ModelSuite):
    plugin = "tflite"


class TestPictures(OfTflite, ContractSuite):
    artefact = staticmethod(tflite_samples.contract_artefact)


class TestRows(OfTflite):
    tolerance = 1e-6  # XNNPACK multiplies matrices of other sizes in another order.
    artefact = staticmethod(tflite_samples.dense)


@pytest.mark.exhaustive
class TestQuantized(OfTflite):
    artefact = staticmethod(tflite_samples.quantized)


@pytest.mark.exhaustive
class TestWhole(OfTflite):
    @staticmethod
    def artefact(folder: Path) -> Path:
        return tflite_samples.doubled(folder, [4, 3])
