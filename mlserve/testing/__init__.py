"""For the tests of plugins: the suites of the contract, and real applications and servers to test against.

It needs what `pyramid-mlserve[testing]` brings; nothing else of mlserve imports it.
"""

from mlserve.testing.application import Served, serving, settings_of
from mlserve.testing.forked import outcome_of
from mlserve.testing.instances import instances_of
from mlserve.testing.protocol import ProtocolSuite, Question
from mlserve.testing.server import RunningServer
from mlserve.testing.suite import ContractSuite, ModelSuite

__all__ = [
    "ContractSuite",
    "ModelSuite",
    "ProtocolSuite",
    "Question",
    "RunningServer",
    "Served",
    "instances_of",
    "outcome_of",
    "serving",
    "settings_of",
]
