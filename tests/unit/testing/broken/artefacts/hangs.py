"""Waits for ever for what an empty file does not hold."""

import threading

from mlserve_template.family import TemplateFamily
from tests.unit.testing.broken.artefacts import MLSERVE_API, enabling

__all__ = ["MLSERVE_API", "includeme"]


class Family(TemplateFamily):
    def inspect(self, path):
        if not path.stat().st_size:
            threading.Event().wait()
        return super().inspect(path)


includeme = enabling(Family)
