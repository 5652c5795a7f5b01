"""The plugin keeps mlserve's contract."""

from sizes import classifier

from mlserve.testing import ContractSuite


class TestContract(ContractSuite):
    plugin = "catboost"
    artefact = staticmethod(classifier)
