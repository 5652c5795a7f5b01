"""`mlserve promote`: an alias names another version."""

from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.registry import (
    alias_option,
    author,
    force_option,
    model_argument,
    reason_option,
    registry_of,
    seen,
    tell_move,
    version_argument,
)
from mlserve.registry import aliases
from mlserve.settings.read import MODEL_NAME


@click.command()
@ini_argument
@model_argument
@version_argument
@alias_option
@reason_option
@force_option
def promote(ini: Path, model: str, version: int, alias: str, reason: str, force: bool) -> None:
    """Let an alias of MODEL name a version.

    Of two who promote at the same moment, one wins, and the other is told.
    """
    if not MODEL_NAME.fullmatch(alias):
        raise click.ClickException(f"{alias!r} cannot name an alias: write a-z, 0-9 and -, beginning with a letter.")
    with built(ini) as application, registry_of(application) as database:
        with database.read() as connection:
            before, was = seen(connection, model, alias), aliases.find(connection, model, alias)
        with database.write() as connection:
            moved = aliases.move(connection, model, alias, version, seen=before, author=author(reason), force=force)
    tell_move(before, moved, None if was is None else was.version)
