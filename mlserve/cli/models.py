"""`mlserve models`: the registered models and their versions."""

import click

from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.output import print_table
from mlserve.cli.target import on_lifecycle
from mlserve.cli.times import time_cell


@click.command()
@on_lifecycle
def models(lifecycle: Lifecycle) -> None:
    """List the registered models with their versions.

    A declared model is registered when a server first starts. Of a server: the models that it answers for.
    """
    rows = []
    for model in lifecycle.models():
        for version in model["versions"]:
            names = [*version["aliases"], *(["(retired)"] if version["retired_at"] else [])]
            cells = (str(version["number"]), version["family"], version["digest"][:16])
            rows.append((model["model"], *cells, time_cell(version["created_at"]), ", ".join(names)))
    print_table(("model", "version", "family", "digest", "created", "aliases"), rows)
