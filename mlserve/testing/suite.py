"""ContractSuite: what is true of every family's plugin, as tests that a plugin's author subclasses.

class TestContract(ContractSuite):
    plugin = "mlserve_means"
    artefact = staticmethod(write_delays)
"""

from mlserve.testing.artefact_checks import ArtefactChecks
from mlserve.testing.family_checks import FamilyChecks
from mlserve.testing.http_checks import HttpChecks
from mlserve.testing.predictor_checks import PredictorChecks


class ContractSuite(FamilyChecks, PredictorChecks, ArtefactChecks, HttpChecks):
    """Every check of the plugin contract that an artefact and its signature are enough for."""
