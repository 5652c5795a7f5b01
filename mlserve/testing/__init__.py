"""For the tests of plugins: the contract suite, and real applications to test against.

It needs what `pyramid-mlserve[testing]` brings; nothing else of mlserve imports it.
"""

from mlserve.testing.application import Served, serving, settings_of
from mlserve.testing.instances import instances_of
from mlserve.testing.suite import ContractSuite

__all__ = ["ContractSuite", "Served", "instances_of", "serving", "settings_of"]
