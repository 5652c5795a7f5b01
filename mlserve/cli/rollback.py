"""`mlserve rollback`: an alias names what it named before."""

import click

from mlserve.cli.lifecycle import Lifecycle, Order
from mlserve.cli.names import require_name
from mlserve.cli.registry import (
    alias_option,
    follow_move,
    model_argument,
    reason_option,
    require_server,
    revision_option,
    wait_option,
)
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@model_argument
@alias_option
@reason_option
@revision_option
@wait_option
def rollback(
    lifecycle: Lifecycle, model: str, alias: str, reason: str, revision: int | None, wait: float | None
) -> None:
    """Let an alias of MODEL name the version that it named before.

    A second rollback leads one version further back. With a URL it is waited until the server answers by the version.
    """
    require_server(lifecycle, wait)
    require_name(alias, "an alias")
    follow_move(lifecycle, lifecycle.roll_back(model, Order(alias, reason, revision=revision)), wait)
