"""`mlserve retire`: a version answers no more."""

from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.registry import author, model_argument, reason_option, registry_of, version_argument
from mlserve.registry import service


@click.command()
@ini_argument
@model_argument
@version_argument
@reason_option
def retire(ini: Path, model: str, version: int, reason: str) -> None:
    """Let a version of MODEL answer no more.

    No alias may name it. What it has predicted stays kept.
    """
    with built(ini) as application, registry_of(application) as database, database.write() as connection:
        retired = service.retire(connection, model, version, author(reason))
    click.echo(f"{model} version {version} {'is retired' if retired else 'was retired before'}.")
