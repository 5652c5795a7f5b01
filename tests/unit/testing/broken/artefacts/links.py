"""Follows no link, and does not look what it opens."""

from mlserve.errors import BundleError
from mlserve_template.family import TemplateFamily
from tests.unit.testing.broken.artefacts import MLSERVE_API, enabling

__all__ = ["MLSERVE_API", "includeme"]


class Family(TemplateFamily):
    def inspect(self, path):
        if path.is_symlink() and path.exists():
            raise BundleError(f"{path.name} is a link")
        with path.open("rb"):
            return super().inspect(path)


includeme = enabling(Family)
