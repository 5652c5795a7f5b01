"""The client's verbs on the registry: models, versions, aliases and their history."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mlserve_client.connection import Connection, time_text
from mlserve_client.errors import AliasUnknownError

CHAMPION: Final = "champion"


class RegistryVerbs:
    """Each answer is the JSON value that the HTTP API describes.

    Who moves an alias says which `revision` of it they have seen, 0 where there was none. Without one it is looked up
    right before, which guards against another move in that moment only; StaleError says that somebody was quicker.
    """

    _connection: Connection

    def models(self) -> list[dict[str, Any]]:
        """The models that the server answers for, as far as the key is for them."""
        return self._connection.listed("models", member="models")

    def model(self, model: str) -> dict[str, Any]:
        """One model, with its signature. Raises ModelUnknownError."""
        found: dict[str, Any] = self._connection.get("models", model)
        return found

    def versions(self, model: str) -> Iterator[dict[str, Any]]:
        """The versions, newest first."""
        return self._connection.pages("models", model, "versions", member="versions", limit=100)

    def version(self, model: str, number: int) -> dict[str, Any]:
        """One version, with what its bundle says. Raises VersionUnknownError."""
        found: dict[str, Any] = self._connection.get("models", model, "versions", number)
        return found

    def register(self, bundle: str | Path, *, model: str | None = None, reason: str = "") -> dict[str, Any]:
        """Send a bundle (`.mlbundle`) and get its version, with `model`; `new` is false where it was there already.

        No alias is moved. `model`: its name; else as the bundle says. Raises ValueError for what is no bundle.
        """
        path = Path(bundle)
        named = model_named_in(path)
        name = model or named
        if name is None:
            raise ValueError(f"{path} does not say the model's name: give `model`.")
        status, version = self._connection.exchange(
            "POST", ("models", name, "versions"), path, query={"reason": reason or None}
        )
        return {"model": name, "new": status == 201, **version}

    def describe(
        self,
        model: str,
        number: int,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        reason: str = "",
    ) -> dict[str, Any]:
        """Change what people have written about a version: the description, and the tags given; None removes one."""
        given = {"description": description, "tags": tags, "reason": reason or None}
        body = {name: value for name, value in given.items() if value is not None}
        described: dict[str, Any] = self._connection.call("PATCH", ("models", model, "versions", number), body)
        return described

    def deploy(
        self,
        bundle: str | Path,
        *,
        model: str | None = None,
        alias: str = CHAMPION,
        reason: str = "",
        force: bool = False,
        revision: int | None = None,
    ) -> dict[str, Any]:
        """Register a bundle, and let an alias name it; the alias as it is then, with `model`.

        Where the alias may not be moved, the version stays registered.
        """
        registered = self.register(bundle, model=model, reason=reason)
        name, number = registered["model"], registered["number"]
        return {"model": name, **self.promote(name, number, alias=alias, reason=reason, force=force, revision=revision)}

    def aliases(self, model: str) -> list[dict[str, Any]]:
        """The aliases by name."""
        return self._connection.listed("models", model, "aliases", member="aliases")

    def alias(self, model: str, alias: str = CHAMPION) -> dict[str, Any]:
        """One alias: `version` is what it names, `answers` what answers in the process that was asked."""
        found: dict[str, Any] = self._connection.get("models", model, "aliases", alias)
        return found

    def promote(
        self,
        model: str,
        version: int,
        *,
        alias: str = CHAMPION,
        reason: str = "",
        force: bool = False,
        revision: int | None = None,
    ) -> dict[str, Any]:
        """Let an alias name a version. Raises SignatureBreaksError unless `force`, and StaleError."""
        body: dict[str, Any] = {"version": version, "reason": reason, "force": force}
        headers = self._seen(model, alias, revision, new=True)
        return self._move("PUT", model, alias, headers, body)

    def rollback(
        self, model: str, *, alias: str = CHAMPION, reason: str = "", revision: int | None = None
    ) -> dict[str, Any]:
        """Let an alias name what it named before. Raises NothingBeforeError, and StaleError."""
        headers = self._seen(model, alias, revision)
        return self._move("PUT", model, alias, headers, {"back": True, "reason": reason})

    def remove_alias(self, model: str, alias: str, *, reason: str = "", revision: int | None = None) -> dict[str, Any]:
        """Forget an alias; its history stays. The alias as it was. Raises StaleError."""
        return self._move("DELETE", model, alias, self._seen(model, alias, revision), query={"reason": reason or None})

    def retire(self, model: str, number: int, *, reason: str = "") -> dict[str, Any]:
        """A version answers no more, for good. Raises VersionInUseError while an alias names it."""
        path = ("models", model, "versions", number, "retirement")
        retired: dict[str, Any] = self._connection.call("POST", path, {"reason": reason})
        return retired

    def history(
        self,
        model: str,
        *,
        alias: str | None = None,
        kind: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What became of the model, newest first."""
        asked = _events_query(alias, kind, since, until)
        return self._connection.pages("models", model, "history", member="events", **asked)

    def events(
        self,
        *,
        model: str | None = None,
        alias: str | None = None,
        kind: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What happened to all models that the key is for, newest first."""
        asked = _events_query(alias, kind, since, until)
        return self._connection.pages("events", member="events", model=model, **asked)

    def live_at(self, model: str, at: datetime | str, *, alias: str | None = None) -> list[dict[str, Any]]:
        """What the aliases named at a time, and who put it there, and why."""
        return self._connection.listed("models", model, "history", member="aliases", at=time_text(at), alias=alias)

    def _move(
        self,
        method: str,
        model: str,
        alias: str,
        headers: dict[str, str],
        body: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        path = ("models", model, "aliases", alias)
        moved: dict[str, Any] = self._connection.call(method, path, body, query=query, headers=headers)
        return moved

    def _seen(self, model: str, alias: str, revision: int | None, *, new: bool = False) -> dict[str, str]:
        """The precondition of a move; `new`: there may be no such alias yet."""
        if revision is None:
            try:
                revision = self.alias(model, alias)["revision"]
            except AliasUnknownError:
                if not new:
                    raise
                revision = 0
        return {"If-Match": f'"{revision}"'} if revision else {"If-None-Match": "*"}


def _events_query(
    alias: str | None, kind: str | None, since: datetime | str | None, until: datetime | str | None
) -> dict[str, Any]:
    """Which events; a hundred a page."""
    times = {"since": since, "until": until}
    told = {name: None if time is None else time_text(time) for name, time in times.items()}
    return {"alias": alias, "kind": kind, **told, "limit": 100}


def model_named_in(path: Path) -> str | None:
    """The model's name as the bundle's card has it. Raises ValueError for what is no archive of a bundle."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read("manifest.json"))["content"]
        name: str | None = content.get("card", {}).get("name")
    except (zipfile.BadZipFile, IsADirectoryError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is no .mlbundle; `mlserve package … -o NAME.mlbundle` makes one.") from error
    return name
