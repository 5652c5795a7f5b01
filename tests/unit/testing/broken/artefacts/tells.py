"""Tells more than a sentence."""

from mlserve.errors import BundleError
from mlserve_template.family import TemplateFamily
from tests.unit.testing.broken.artefacts import MLSERVE_API, enabling

__all__ = ["MLSERVE_API", "includeme"]


class Family(TemplateFamily):
    def inspect(self, path):
        try:
            return super().inspect(path)
        except BundleError as error:
            raise BundleError(f"{error}\nSee above.") from error


includeme = enabling(Family)
