"""`mlserve promote`: an alias names another version."""

import click

from mlserve.cli.lifecycle import Lifecycle, Order
from mlserve.cli.names import require_name
from mlserve.cli.registry import (
    alias_option,
    follow_move,
    force_option,
    model_argument,
    reason_option,
    require_server,
    revision_option,
    told_ways_out,
    version_argument,
    wait_option,
)
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@model_argument
@version_argument
@alias_option
@reason_option
@force_option
@revision_option
@wait_option
def promote(
    lifecycle: Lifecycle,
    model: str,
    version: int,
    alias: str,
    reason: str,
    force: bool,
    revision: int | None,
    wait: float | None,
) -> None:
    """Let an alias of MODEL name a version.

    Of two who promote at the same moment, one wins, and the other is told. With a URL it is waited until the
    server answers by the version.
    """
    require_server(lifecycle, wait)
    require_name(alias, "an alias")
    with told_ways_out():
        move = lifecycle.promote(model, version, Order(alias, reason, force, revision))
    follow_move(lifecycle, move, wait)
