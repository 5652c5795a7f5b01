"""The families that the suite itself lives from keep the contract too."""

import pytest

from mlserve.testing import ContractSuite
from tests.factories import linear_model


@pytest.mark.exhaustive
class TestLinear(ContractSuite):
    plugin = "mlserve_linear"
    artefact = staticmethod(linear_model)
