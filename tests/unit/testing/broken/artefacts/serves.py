"""Serves whatever it is given."""

import types

from mlserve.signature import Field, OutputField, Signature
from mlserve_template.family import TemplateFamily
from tests.unit.testing.broken.artefacts import MLSERVE_API, enabling

__all__ = ["MLSERVE_API", "includeme"]


class Family(TemplateFamily):
    def inspect(self, path):
        return Signature((Field("x", "float64"),), (OutputField("value", "float64"),))

    def load(self, path, signature, settings):
        return types.SimpleNamespace(concurrency="parallel", engine="exact", close=lambda: None)


includeme = enabling(Family)
