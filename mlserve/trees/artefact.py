"""The file that a version was loaded from, when its trees are asked for."""

import hashlib
from pathlib import Path

from mlserve.errors import BundleError


class Artefact:
    """Remembers what was loaded; it is read again only where somebody asks for what answering does not need."""

    def __init__(self, path: Path, raw: bytes) -> None:
        self._path, self._digest = path, hashlib.sha256(raw).digest()

    def content(self) -> bytes:
        """What was loaded. Raises BundleError where the file is gone or another one."""
        try:
            raw = self._path.read_bytes()
        except OSError as error:
            raise BundleError(f"The model file {self._path.name} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(raw).digest() != self._digest:
            raise BundleError(f"The model file {self._path.name} has changed since it was loaded.")
        return raw
