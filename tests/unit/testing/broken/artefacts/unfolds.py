"""Reads all of a zip before it looks at it."""

import json
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from mlserve.errors import BundleError
from mlserve.signature import Field, OutputField, Signature
from mlserve_template.family import TemplateFamily
from tests.unit.testing.broken.artefacts import MLSERVE_API, enabling

__all__ = ["MLSERVE_API", "includeme"]


class Family(TemplateFamily):
    def inspect(self, path):
        try:
            with ZipFile(BytesIO(path.read_bytes())) as archive:
                json.loads(archive.read("means.json"))
        except (BadZipFile, KeyError, ValueError) as error:
            raise BundleError(f"{path.name} is no zip of means: {error!r}") from error
        return Signature((Field("x", "float64"),), (OutputField("value", "float64"),))


includeme = enabling(Family)
