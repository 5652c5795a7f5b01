"""ContractSuite and ModelSuite: what is true of every family's plugin, as tests that a plugin's author subclasses.

class TestContract(ContractSuite):
    plugin = "mlserve_means"
    artefact = staticmethod(write_delays)
"""

from mlserve.testing.artefact_checks import ArtefactChecks
from mlserve.testing.family_checks import FamilyChecks
from mlserve.testing.http_checks import HttpChecks
from mlserve.testing.predictor_checks import PredictorChecks


class ModelSuite(PredictorChecks, HttpChecks):
    """What a model answers: for further models of a family, one of which has the whole ContractSuite."""


class ContractSuite(FamilyChecks, ArtefactChecks, ModelSuite):
    """Every check of the plugin contract that an artefact and its signature are enough for."""
