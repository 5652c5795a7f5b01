"""`mlserve models`: the registered models and their versions."""

import click

from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.output import comma, format_option, print_json_lines, print_table
from mlserve.cli.target import on_lifecycle
from mlserve.cli.times import time_cell


@click.command()
@on_lifecycle
@format_option("table", "json")
def models(lifecycle: Lifecycle, form: str) -> None:
    """List the registered models with their versions.

    A declared model is registered when a server first starts. Of a server: the models that it answers for.
    `--format json` prints one model a line.
    """
    found = lifecycle.models()
    if form == "json":
        print_json_lines(found)
        return
    rows = []
    for model in found:
        for version in model["versions"]:
            names = [*version["aliases"], *(["(retired)"] if version["retired_at"] else [])]
            cells = (str(version["number"]), version["family"], version["digest"][:16])
            rows.append((model["model"], *cells, time_cell(version["created_at"]), comma(names)))
    print_table(("model", "version", "family", "digest", "created", "aliases"), rows)
