"""The life cycle of models as the verbs ask for it, of a database (`on_database`) or of a running server (`over_http`).

Models, versions, aliases, events and reproductions are told in JSON values, as the HTTP API describes them.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """What somebody wants with an alias. `revision` is the one that they have seen, 0: none, None: what is there."""

    alias: str
    reason: str = ""
    force: bool = False
    revision: int | None = None


@dataclass(frozen=True)
class Move:
    """What became of an alias; `before` is None where there was no such alias."""

    model: str
    before: Json | None
    after: Json

    @property
    def changed(self) -> bool:
        return self.before is None or self.before["revision"] != self.after["revision"]


@dataclass(frozen=True)
class Deployed:
    """A registered bundle; `new` is false where the model had it already, `move` is None where no alias was to move."""

    model: str
    number: int
    digest: str
    new: bool
    move: Move | None


class Lifecycle(Protocol):
    """All methods raise MlserveError or the client's ClientError; their sentences are for whoever runs the command."""

    @property
    def watches(self) -> bool:
        """Whether versions say how they are doing: only a server can tell."""

    def models(self) -> list[Json]:
        """Each `model` with its `versions` by number."""

    def model(self, model: str) -> Json:
        """One `model` with its `aliases` and `versions`."""

    def version(self, model: str, number: int) -> Json: ...

    def alias(self, model: str, alias: str) -> Json: ...

    def history(
        self,
        model: str,
        *,
        alias: str | None,
        kind: str | None,
        since: datetime | None,
        until: datetime | None,
        limit: int,
    ) -> list[Json]:
        """What became of a model, newest first."""

    def live_at(self, model: str, at: datetime, alias: str | None) -> list[Json]:
        """What the aliases named at a time."""

    def events(
        self,
        *,
        model: str | None,
        alias: str | None,
        kind: str | None,
        since: datetime | None,
        until: datetime | None,
        limit: int,
    ) -> list[Json]:
        """What happened to all models, keys, users and webhooks, newest first."""

    def deploy(self, bundle: Path, name: str | None, reason: str, order: Order | None) -> Deployed:
        """Register a bundle, and let an alias name it. `name` None: as the bundle says."""

    def promote(self, model: str, number: int, order: Order) -> Move: ...

    def roll_back(self, model: str, order: Order) -> Move: ...

    def remove_alias(self, model: str, alias: str, reason: str, revision: int | None) -> Json:
        """The alias as it was. `revision`: as of an Order."""

    def retire(self, model: str, number: int, reason: str) -> bool:
        """Whether the version has answered until now."""

    def reproduce(self, prediction: str, model: str | None) -> Json: ...
