"""The plugin keeps mlserve's contract, with each way to write a class."""

from collections.abc import Mapping, Sequence
from typing import Any

import python_samples as samples

from mlserve.signature import Signature
from mlserve.testing import ContractSuite, ModelSuite, instances_of


class TestArrays(ModelSuite):
    plugin = "python"
    artefact = staticmethod(samples.contract_artefact)
    settings = samples.SETTINGS


class TestRows(ContractSuite):
    plugin = "python"
    artefact = staticmethod(samples.word_artefact)
    # The class reads its file whole.
    settings = samples.SETTINGS | {"mlserve.python.unpacked": "16MiB"}

    def instances(self, signature: Signature, count: int) -> Sequence[Mapping[str, Any]]:
        return [{**one, "text": f"red {one['text']}"} for one in instances_of(signature, count)]
