"""What the verbs of the registry share: the database that they change, and options."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
from sqlalchemy import Connection

from mlserve.application import Application
from mlserve.cli.actor import actor
from mlserve.db import migrate
from mlserve.db.engine import Database
from mlserve.db.wiring import opened_by_operator, told_to_operator
from mlserve.registry import aliases
from mlserve.registry.aliases import Alias, Seen
from mlserve.registry.service import Author

model_argument = click.argument("model")
version_argument = click.argument("version", type=click.IntRange(1, 2**31 - 1))
alias_option = click.option("--alias", default="champion", show_default=True, help="The alias to move.")
reason_option = click.option("--reason", default="", help="Why: kept in the history.")
force_option = click.option("--force", is_flag=True, help="Also where the version's signature breaks callers.")


@contextmanager
def registry_of(application: Application) -> Iterator[Database]:
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


def author(reason: str) -> Author:
    return Author(actor(), reason)


def seen(connection: Connection, model: str, alias: str) -> Seen:
    """What there is of an alias now, which a move then has seen."""
    found = aliases.find(connection, model, alias)
    return Seen(None if found is None else found.revision)


def tell_move(before: Seen, moved: Alias, was: int | None) -> None:
    """Say what an alias names from now on."""
    if before.revision == moved.revision:
        click.echo(f"{moved.alias} of {moved.model} names version {moved.version} already.")
        return
    came = "" if was is None else f", was version {was}"
    click.echo(f"{moved.alias} of {moved.model} names version {moved.version} (revision {moved.revision}{came}).")


def time_cell(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}" if isinstance(moment, datetime) else ""
