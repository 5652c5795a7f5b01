"""Gives a library in C what it has not looked at, and the process dies."""

import ctypes

from mlserve.errors import BundleError
from mlserve_template.family import TemplateFamily
from tests.unit.testing.broken.artefacts import MLSERVE_API, enabling

__all__ = ["MLSERVE_API", "includeme"]


class Family(TemplateFamily):
    def load(self, path, signature, settings):
        if b"12.5" not in path.read_bytes():
            ctypes.string_at(0)
        return super().load(path, signature, settings)

    def inspect(self, path):
        try:
            return super().inspect(path)
        except BundleError:
            ctypes.string_at(0)


includeme = enabling(Family)
