"""The models that this process can answer for, swapped atomically under the readers' feet."""

import threading
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from mlserve.errors import AliasUnknown, ModelNotReady, ModelUnknown
from mlserve.inference.loaded import PATIENCE, LoadedVersion
from mlserve.names import CHAMPION

ModelState = Literal["ready", "loading", "failed", "idle"]
VersionState = Literal["loading", "ready", "failed", "draining"]


@dataclass(frozen=True)
class VersionStatus:
    """How a version is doing in this process, and why it is not ready; of one that is loading, once it is late."""

    state: VersionState
    reason: str = ""


@dataclass(frozen=True)
class LiveModel:
    """A model by name, its family, and the version that answers (None while none is loaded, with the reason).

    `aliases` holds the loaded version behind each other alias. `named` says which version each alias names in the
    registry: one that is still being loaded, or cannot be, leaves the alias with the version that it had here.
    """

    name: str
    family: str
    champion: LoadedVersion | None = None
    reason: str = ""
    without: ModelState = "failed"  # its state while there is no champion; idle: no alias champion, and none is missed
    aliases: Mapping[str, LoadedVersion] = field(default_factory=dict, compare=False)
    named: Mapping[str, int] = field(default_factory=dict, compare=False)
    statuses: Mapping[int, VersionStatus] = field(default_factory=dict, compare=False)  # of versions, by number

    def __repr__(self) -> str:
        return f"<LiveModel {self.name}: {self.told}>"

    @property
    def told(self) -> str:
        """Family, version and state in a few words."""
        version = "" if self.champion is None else f", version {self.champion.lineage.version}"
        return f"{self.family}{version}, {self.state}"

    @property
    def state(self) -> ModelState:
        return "ready" if self.champion is not None else self.without

    @property
    def versions(self) -> tuple[LoadedVersion, ...]:
        """Every version that an alias leads to here, each once; the champion is the first."""
        found = (self.champion, *self.aliases.values())
        return tuple({id(version): version for version in found if version is not None}.values())

    def loaded(self) -> LoadedVersion:
        """The version that answers. Raises ModelNotReady."""
        if self.champion is None:
            raise self.not_ready
        return self.champion

    @property
    def not_ready(self) -> ModelNotReady:
        """What is raised where there is no champion."""
        return ModelNotReady(f"Model {self.name} has no loaded version: {self.reason}", retry_after=5)

    @contextmanager
    def using_predictor(self) -> Iterator[LoadedVersion]:
        """The version that answers; its predictor is not closed while the block runs. Raises ModelNotReady."""
        loaded = self.loaded()
        with loaded.users:
            yield loaded

    def at(self, alias: str, coming: Container[tuple[str, str]] = ()) -> LoadedVersion:
        """The version that answers for an alias. Raises AliasUnknown, ModelNotReady.

        `coming` are models with aliases that this process knows to be made, and has not followed yet.
        """
        if alias == CHAMPION and (self.champion is not None or CHAMPION in self.named):
            return self.loaded()
        loaded = self.aliases.get(alias)
        if loaded is not None:
            return loaded
        if alias not in self.named:
            if (self.name, alias) in coming:
                raise ModelNotReady(f"The alias {alias} of model {self.name} was just made.", retry_after=1)
            raise AliasUnknown(f"Model {self.name} has no alias {alias!r}.")
        number = self.named[alias]
        status = self.statuses.get(number, VersionStatus("loading"))
        raise ModelNotReady(f"Version {number} of model {self.name} is {status.state} here.", retry_after=5)

    def version(self, number: int) -> LoadedVersion | None:
        """The loaded version of that number; None where no alias leads to it here."""
        return next((version for version in self.versions if version.lineage.version == number), None)


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

    def remove(self, name: str) -> None:
        with self._writing:
            self._models = {other: model for other, model in self._models.items() if other != name}
            self.revision += 1

    def get(self, name: str) -> LiveModel:
        """The model of that name. Raises ModelUnknown."""
        model = self._models.get(name)
        if model is None:
            near = get_close_matches(name, self._models, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ModelUnknown(f"There is no model {name!r} here{hint}")
        return model

    def find(self, name: str) -> LiveModel | None:
        return self._models.get(name)

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
            for version in model.versions:
                version.close(max(0.0, end - time.monotonic()))
