"""Linear models that can be loaded for a while, as checks want them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mlserve_linear.family import LinearFamily

from mlserve.bundles.packaging import _LIMITS
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import load_version
from mlserve.signature import Signature
from tests.factories import linear_model


class Version:
    """A linear model that can be loaded; `value` is `intercept + 2x - y` unless said otherwise."""

    def __init__(self, folder: Path, name: str = "line", **model: Any) -> None:
        self.path = linear_model(folder, name, **model)
        self.signature: Signature = LinearFamily().inspect(self.path)

    @contextmanager
    def load(self) -> Iterator[LoadedVersion]:
        identity = {"model": "line", "version": 1, "digest": "", "plugin": ""}
        loaded = load_version(
            LinearFamily(),
            self.path,
            identity=identity,
            signature=self.signature,
            manifest={},
            settings={"decimals": 6},
            limits=_LIMITS,
        )
        with closing(loaded):
            yield loaded
