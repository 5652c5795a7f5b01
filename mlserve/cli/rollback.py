"""`mlserve rollback`: an alias names what it named before."""

import click

from mlserve.cli.lifecycle import Lifecycle, Order
from mlserve.cli.registry import alias_option, model_argument, reason_option, revision_option, tell_move
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@model_argument
@alias_option
@reason_option
@revision_option
def rollback(lifecycle: Lifecycle, model: str, alias: str, reason: str, revision: int | None) -> None:
    """Let an alias of MODEL name the version that it named before.

    A second rollback leads one version further back.
    """
    tell_move(lifecycle.roll_back(model, Order(alias, reason, revision=revision)))
