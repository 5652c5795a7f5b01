"""`mlserve promote`: an alias names another version."""

import click

from mlserve.cli.lifecycle import Lifecycle, Order
from mlserve.cli.names import require_name
from mlserve.cli.registry import (
    alias_option,
    force_option,
    model_argument,
    reason_option,
    revision_option,
    tell_move,
    version_argument,
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
def promote(
    lifecycle: Lifecycle, model: str, version: int, alias: str, reason: str, force: bool, revision: int | None
) -> None:
    """Let an alias of MODEL name a version.

    Of two who promote at the same moment, one wins, and the other is told.
    """
    require_name(alias, "an alias")
    tell_move(lifecycle.promote(model, version, Order(alias, reason, force, revision)))
