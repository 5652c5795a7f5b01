"""`mlserve models`: the registered models and their versions."""

from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.db.wiring import opened_by_operator
from mlserve.registry import aliases, service


@click.command()
@ini_argument
def models(ini: Path) -> None:
    """List the registered models with their versions.

    A declared model is registered when a server first starts.
    """
    rows = []
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        for model in service.models(connection):
            named = aliases.of_model(connection, model["name"])
            for version in service.versions(connection, model["name"]):
                created = f"{version['created_at']:%Y-%m-%d %H:%M:%SZ}"
                number, family, digest = version["number"], version["family"], version["digest"]
                names = [alias.alias for alias in named if alias.version == number]
                names += ["(retired)"] if version["retired_at"] else []
                rows.append((model["name"], str(number), family, digest[:16], created, ", ".join(names)))
    print_table(("model", "version", "family", "digest", "created", "aliases"), rows)
