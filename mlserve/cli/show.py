"""`mlserve show`: one model with its aliases, or one version with what its bundle says."""

import click

from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.output import print_json
from mlserve.cli.registry import model_argument
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@model_argument
@click.argument("version", type=click.IntRange(1, 2**31 - 1), required=False)
def show(lifecycle: Lifecycle, model: str, version: int | None) -> None:
    """Show MODEL with its aliases and versions, or one version of it, in JSON.

    A server tells how each is doing too, in the process that answers.
    """
    told = lifecycle.model(model) if version is None else lifecycle.version(model, version)
    print_json(told)
