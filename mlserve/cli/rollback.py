"""`mlserve rollback`: an alias names what it named before."""

from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.registry import alias_option, author, model_argument, reason_option, registry_of, seen, tell_move
from mlserve.registry import aliases


@click.command()
@ini_argument
@model_argument
@alias_option
@reason_option
def rollback(ini: Path, model: str, alias: str, reason: str) -> None:
    """Let an alias of MODEL name the version that it named before.

    A second rollback leads one version further back.
    """
    with built(ini) as application, registry_of(application) as database:
        with database.read() as connection:
            before, was = seen(connection, model, alias), aliases.find(connection, model, alias)
        with database.write() as connection:
            moved = aliases.roll_back(connection, model, alias, seen=before, author=author(reason))
    tell_move(before, moved, None if was is None else was.version)
