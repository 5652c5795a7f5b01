"""`mlserve retire`: a version answers no more."""

import click

from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.registry import model_argument, reason_option, version_argument
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@model_argument
@version_argument
@reason_option
def retire(lifecycle: Lifecycle, model: str, version: int, reason: str) -> None:
    """Let a version of MODEL answer no more.

    No alias may name it. What it has predicted stays kept.
    """
    retired = lifecycle.retire(model, version, reason)
    click.echo(f"{model} version {version} {'is retired' if retired else 'was retired before'}.")
