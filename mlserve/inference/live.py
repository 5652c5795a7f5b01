"""The models that this process can answer for, swapped atomically under the readers' feet."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from mlserve.errors import ModelNotReady, ModelUnknown
from mlserve.inference.loaded import PATIENCE, LoadedVersion


@dataclass(frozen=True)
class LiveModel:
    """A model by name, its family, and the version that answers (None while none is loaded, with the reason)."""

    name: str
    family: str
    champion: LoadedVersion | None = None
    reason: str = ""

    def __repr__(self) -> str:
        return f"<LiveModel {self.name}: {self.told}>"

    @property
    def told(self) -> str:
        """Family, version and state in a few words."""
        version = "" if self.champion is None else f", version {self.champion.lineage.version}"
        return f"{self.family}{version}, {self.state}"

    @property
    def state(self) -> str:
        return "ready" if self.champion is not None else "failed"

    def loaded(self) -> LoadedVersion:
        """The version that answers. Raises ModelNotReady."""
        if self.champion is None:
            raise ModelNotReady(f"Model {self.name} has no loaded version: {self.reason}", retry_after=5)
        return self.champion


class LiveModels:
    """Readers take one dictionary look-up and no lock; writers replace the whole dictionary."""

    def __init__(self) -> None:
        self._models: dict[str, LiveModel] = {}
        self._writing = threading.Lock()
        self.revision = 0  # grows with every change: what was derived from the models is good for one revision

    def put(self, model: LiveModel) -> None:
        with self._writing:
            self._models = {**self._models, model.name: model}
            self.revision += 1

    def get(self, name: str) -> LiveModel:
        """The model of that name. Raises ModelUnknown."""
        model = self._models.get(name)
        if model is None:
            near = get_close_matches(name, self._models, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ModelUnknown(f"There is no model {name!r} here{hint}")
        return model

    def family_of(self, name: str) -> str | None:
        model = self._models.get(name)
        return None if model is None else model.family

    def __iter__(self) -> Iterator[LiveModel]:
        return iter(sorted(self._models.values(), key=lambda model: model.name))

    def close(self, patience: float = PATIENCE) -> None:
        """Forget the models and close every version, waiting `patience` seconds in all for running predictions."""
        with self._writing:
            models, self._models = self._models, {}
            self.revision += 1
        end = time.monotonic() + patience
        for model in models.values():
            if model.champion is not None:
                model.champion.close(max(0.0, end - time.monotonic()))
