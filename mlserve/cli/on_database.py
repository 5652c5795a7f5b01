"""The life cycle on the database of an INI, without a server; the servers on it follow."""

import os
import pwd
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from mlserve import events
from mlserve.api.times import time_text
from mlserve.application import Application
from mlserve.bundles import BundleStore, Manifest
from mlserve.cli.actor import actor
from mlserve.cli.lifecycle import Deployed, Json, Move, Order
from mlserve.cli.names import require_name
from mlserve.db import migrate
from mlserve.db.engine import Database
from mlserve.db.wiring import opened_by_operator, told_to_operator
from mlserve.errors import (
    BundleError,
    ConfigurationError,
    MlserveError,
    NotSupported,
    PredictionUnknown,
    SignatureError,
)
from mlserve.events import Author
from mlserve.events.described import describe_event
from mlserve.inference import LoadedVersion
from mlserve.predictions import lookup
from mlserve.predictions.explaining import Explaining
from mlserve.predictions.family_tables import FamilyTables
from mlserve.predictions.reproducing import Reproducing
from mlserve.predictions.reproduction import describe_reproduction
from mlserve.registry import aliases, service
from mlserve.registry.aliases import Alias, Seen
from mlserve.registry.bringing import bring, register_kept
from mlserve.registry.described import describe_alias, describe_version
from mlserve.registry.loading import load_bundle, prove, require_trust, store_of
from mlserve.registry.past import Past, load_past


class OnDatabase:
    """What only a server could tell is left out of what it tells."""

    watches = False

    def __init__(self, application: Application) -> None:
        self._application = application

    def models(self) -> list[Json]:
        with self._reading() as connection:
            names = [row["name"] for row in service.models(connection)]
            return [{"model": name, "versions": _versions(connection, name)} for name in names]

    def model(self, model: str) -> Json:
        with self._reading() as connection:
            service.require(connection, model)
            told = [_alias(connection, one) for one in aliases.of_model(connection, model)]
            return {"model": model, "aliases": told, "versions": _versions(connection, model)}

    def version(self, model: str, number: int) -> Json:
        with self._reading() as connection:
            row, named = service.version(connection, model, number), aliases.of_model(connection, model)
            return _version(row, named, whole=True)

    def alias(self, model: str, alias: str) -> Json:
        with self._reading() as connection:
            return _alias(connection, aliases.get(connection, model, alias))

    def history(self, model: str, **asked: Any) -> list[Json]:
        with self._reading() as connection:
            service.require(connection, model)
            return [describe_event(one) for one in events.page(connection, model=model, changes=True, **asked)]

    def live_at(self, model: str, at: datetime, alias: str | None) -> list[Json]:
        with self._reading() as connection:
            service.require(connection, model)
            found = aliases.at(connection, model, at, alias)
        return [{**one, "moved_at": time_text(one["moved_at"])} for one in found]

    def events(self, **asked: Any) -> list[Json]:
        with self._reading() as connection:
            return [describe_event(one) for one in events.page(connection, **asked)]

    def deploy(self, bundle: Path, name: str | None, reason: str, order: Order | None) -> Deployed:
        """The version and the alias, or neither; the bundle has answered its golden predictions before."""
        _require_owner(self._application.var)
        model, manifest, store = self._proved(bundle, name)
        # One transaction: whoever is interrupted leaves nothing half done.
        with self._writing() as connection:
            known = service.number_of(connection, model, manifest.digest)
            number = register_kept(connection, model, manifest, store, Author(actor(), reason))
            move = None if order is None else self._moved(connection, model, order, number)
        return Deployed(model, number, manifest.digest, known is None, move)

    def promote(self, model: str, number: int, order: Order) -> Move:
        with self._writing() as connection:
            return self._moved(connection, model, order, number)

    def roll_back(self, model: str, order: Order) -> Move:
        with self._writing() as connection:
            return self._moved(connection, model, order, None)

    def remove_alias(self, model: str, alias: str, reason: str, revision: int | None) -> Json:
        seen = None if revision is None else Seen(revision or None)
        with self._writing() as connection:
            was = aliases.remove(connection, model, alias, seen=seen, author=Author(actor(), reason))
            return _alias(connection, was)

    def retire(self, model: str, number: int, reason: str) -> bool:
        with self._writing() as connection:
            return service.retire(connection, model, number, Author(actor(), reason))

    def reproduce(self, prediction: str, model: str | None) -> Json:
        application = self._application
        with opened_by_operator(application) as database:
            record = lookup.find(database, application.var / "spool", prediction)
            if record is None or model not in (None, record.model):
                raise PredictionUnknown(f"There is no kept prediction {prediction!r} here.")
            explanation = record.explanation
            if explanation is None:
                tables = FamilyTables(application.prediction_tables, database.dialect)
                with database.read() as connection:
                    explanation = tables.explanation(connection, record)
        using = partial(_loaded, application)
        explaining = Explaining(application.limits, application.metrics, tables=(), using=using)
        reproducing = Reproducing(using, stored=lambda _: explanation, explain=explaining.of_kept)
        return describe_reproduction(record, reproducing.of_kept(record))

    def _moved(self, connection: Connection, model: str, order: Order, number: int | None) -> Move:
        """Let the alias name the version, None: the one before. What was seen is what is there, unless order says."""
        was = aliases.find(connection, model, order.alias)
        seen = Seen(None if was is None else was.revision) if order.revision is None else Seen(order.revision or None)
        author = Author(actor(), order.reason)
        if number is None:
            moved = aliases.roll_back(connection, model, order.alias, seen=seen, author=author)
        else:
            moved = aliases.move(
                connection,
                model,
                order.alias,
                number,
                seen=seen,
                author=author,
                force=order.force,
                families=self._application.families,
            )
        return Move(model, None if was is None else _alias(connection, was), _alias(connection, moved))

    def _proved(self, bundle: Path, name: str | None) -> tuple[str, Manifest, BundleStore]:
        """The model that the bundle is of, and the bundle in its store, once it has answered its golden predictions."""
        application = self._application
        store = store_of(application)
        family, manifest = bring(application, bundle, str(bundle), store)
        model = name or manifest.name
        if model is None:
            raise ConfigurationError(f"{bundle} does not say the model's name: say --name NAME.")
        require_name(model, "a model")
        require_trust(application, family, manifest.digest)
        try:
            here, identity = store.open(manifest.digest), {"model": model, "version": 0}
            with closing(load_bundle(application, family, here, identity)) as loaded:
                prove(loaded)
        except (BundleError, SignatureError) as error:
            raise click.ClickException(f"{bundle} is not deployed: {error}") from None
        return model, manifest, store

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with opened_by_operator(self._application) as database, database.read() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _upgraded(self._application) as database, database.write() as connection:
            yield connection


def _require_owner(var: Path) -> None:
    """Raises ConfigurationError for somebody else's mlserve.var: its servers could not read what is put there now."""
    if not var.exists() or (owner := var.stat().st_uid) == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"the user {owner}"
    raise ConfigurationError(
        f"mlserve.var, {var}, belongs to {name}, whose servers could not read the bundle: run this as {name}, or give "
        "the URL of a server in place of the INI."
    )


@contextmanager
def _upgraded(application: Application) -> Iterator[Database]:
    """The database, with its tables: a SQLite one is made or brought up to date, as a server would.

    Raises DatabaseUnavailable, ConfigurationError.
    """
    url = application.settings["mlserve.database.url"]
    if url.startswith("sqlite"):
        with told_to_operator():
            application.var.mkdir(parents=True, exist_ok=True, mode=0o700)
            migrate.upgrade(url, application.migrations)
    with opened_by_operator(application) as database:
        yield database


def _alias(connection: Connection, alias: Alias) -> Json:
    told = describe_alias(alias, None, aliases.version_before(connection, alias.model, alias.alias))
    return {name: value for name, value in told.items() if name != "answers"}


def _versions(connection: Connection, model: str) -> list[Json]:
    named = aliases.of_model(connection, model)
    return [_version(row, named) for row in service.versions(connection, model)]


def _version(row: Json, named: Iterable[Alias], *, whole: bool = False) -> Json:
    told = describe_version(row, named, None, whole=whole)
    return {name: value for name, value in told.items() if name not in ("state", "reason")}


@contextmanager
def _loaded(application: Application, past: Past) -> Iterator[LoadedVersion]:
    """The version, loaded from its bundle. Raises NotSupported, with the reason: here is no server's log to look at."""
    try:
        loaded = load_past(application, past)
    except NotSupported as error:
        if error.__cause__ is None:
            raise
        cause = error.__cause__
        told = cause.detail if isinstance(cause, MlserveError) else f"Loading it raised {type(cause).__name__}: {cause}"
        raise NotSupported(f"{error.detail} {told}") from error
    try:
        yield loaded
    finally:
        loaded.close()
