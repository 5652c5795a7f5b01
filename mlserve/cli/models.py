"""`mlserve models`: the registered models and their versions."""

from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.db.wiring import opened_by_operator
from mlserve.registry import service


@click.command()
@ini_argument
def models(ini: Path) -> None:
    """List the registered models with their versions.

    A declared model is registered when a server first starts.
    """
    rows = []
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        for model in service.models(connection):
            for version in service.versions(connection, model["name"]):
                created = f"{version['created_at']:%Y-%m-%d %H:%M:%SZ}"
                number, family, digest = version["number"], version["family"], version["digest"]
                rows.append((model["name"], str(number), family, digest[:16], created))
    print_table(("model", "version", "family", "digest", "created"), rows)
