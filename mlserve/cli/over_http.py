"""The life cycle over HTTP, on a running server and as the caller that the key is of."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from mlserve.bundles import BundleStore, archive, open_folder
from mlserve.cli.lifecycle import Deployed, Json, Move, Order
from mlserve.cli.names import require_name
from mlserve.errors import ConfigurationError, PredictionUnknown
from mlserve_client import AliasUnknownError, Client, PredictionUnknownError, ProblemError, VersionRetiredError
from mlserve_client.registering import model_named_in


class OverHttp:
    """What it tells of versions and aliases is so in the process that was asked."""

    watches = True

    def __init__(self, client: Client) -> None:
        self._client = client

    def models(self) -> list[Json]:
        """Those that the server answers for, as far as the key is for them."""
        names = [one["name"] for one in self._client.models()]
        return [{"model": name, "versions": self._versions(name)} for name in names]

    def model(self, model: str) -> Json:
        return {"model": model, "aliases": self._client.aliases(model), "versions": self._versions(model)}

    def version(self, model: str, number: int) -> Json:
        return self._client.version(model, number)

    def alias(self, model: str, alias: str) -> Json:
        return self._client.alias(model, alias)

    def history(self, model: str, *, limit: int, **asked: Any) -> list[Json]:
        return [*islice(self._client.history(model, **asked), limit)]

    def live_at(self, model: str, at: datetime, alias: str | None) -> list[Json]:
        return self._client.live_at(model, at, alias=alias)

    def events(self, *, limit: int, **asked: Any) -> list[Json]:
        return [*islice(self._client.events(**asked), limit)]

    def deploy(self, bundle: Path, name: str | None, reason: str, order: Order | None) -> Deployed:
        """Where the alias may not be moved, the version stays registered, and the error says so."""
        with _archived(bundle) as path:
            named = _named(path)
            if (model := name or named) is None:
                raise ConfigurationError(f"{bundle} does not say the model's name: say --name NAME.")
            require_name(model, "a model")
            registered = self._client.register(path, model=model, reason=reason)
        number, move = registered["number"], None
        if order is not None:
            try:
                move = self.promote(model, number, order)
            except ProblemError as error:
                if isinstance(error, VersionRetiredError):
                    raise  # It was registered long ago, and retired since.
                problem = {**error.problem, "detail": f"{error.detail} {model} version {number} is registered."}
                raise type(error)(problem, error.retry_after) from error
        return Deployed(model, number, registered["digest"], registered["new"], move)

    def promote(self, model: str, number: int, order: Order) -> Move:
        before = self._alias_if_any(model, order.alias)
        revision = _revision(before) if order.revision is None else order.revision
        moved = self._client.promote(
            model, number, alias=order.alias, reason=order.reason, force=order.force, revision=revision
        )
        return Move(model, before, moved)

    def roll_back(self, model: str, order: Order) -> Move:
        before = self._client.alias(model, order.alias)
        revision = _revision(before) if order.revision is None else order.revision
        moved = self._client.rollback(model, alias=order.alias, reason=order.reason, revision=revision)
        return Move(model, before, moved)

    def remove_alias(self, model: str, alias: str, reason: str, revision: int | None) -> Json:
        return self._client.remove_alias(model, alias, reason=reason, revision=revision)

    def retire(self, model: str, number: int, reason: str) -> bool:
        if self._client.version(model, number)["retired_at"] is not None:
            return False
        self._client.retire(model, number, reason=reason)
        return True

    def reproduce(self, prediction: str, model: str | None) -> Json:
        """A prediction's address names its model: without one, all that the server answers for are looked through."""
        if prediction in ("", ".", ".."):  # No address ends so.
            raise PredictionUnknown(f"There is no kept prediction {prediction!r} here.")
        names = [one["name"] for one in self._client.models()] if model is None else [model]
        for name in names:
            try:
                self._client.prediction(name, prediction)
            except PredictionUnknownError:
                continue
            return self._client.reproduce(name, prediction)
        raise PredictionUnknown(f"There is no kept prediction {prediction!r} here.")

    def _versions(self, model: str) -> list[Json]:
        return [*self._client.versions(model)][::-1]

    def _alias_if_any(self, model: str, alias: str) -> Json | None:
        try:
            return self._client.alias(model, alias)
        except AliasUnknownError:
            return None


def _revision(alias: Json | None) -> int:
    return 0 if alias is None else int(alias["revision"])


@contextmanager
def _archived(bundle: Path) -> Iterator[Path]:
    """The bundle as an archive: a folder is made one in a temporary folder. Raises BundleError, ConfigurationError."""
    if not bundle.is_dir():
        if bundle.suffix.lower() != archive.SUFFIX:
            raise ConfigurationError(
                f"{bundle} is no bundle, and only bundles are sent to a server: make one with `mlserve package`."
            )
        yield bundle
        return
    found = open_folder(bundle)
    with tempfile.TemporaryDirectory(prefix="mlserve-") as folder:
        path = Path(folder) / f"{found.manifest.digest}{archive.SUFFIX}"
        archive.write(found, path)
        yield path


def _named(path: Path) -> str | None:
    """The model's name, if the bundle has one. Raises BundleError, which says what is wrong with what is no bundle."""
    try:
        return model_named_in(path)
    except ValueError as error:
        with tempfile.TemporaryDirectory(prefix="mlserve-") as folder:
            archive.read(path, BundleStore(Path(folder)))
        raise click.ClickException(str(error)) from error
