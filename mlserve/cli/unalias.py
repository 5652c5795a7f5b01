"""`mlserve unalias`: an alias names nothing any more."""

import click

from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.names import require_name
from mlserve.cli.output import say
from mlserve.cli.registry import model_argument, reason_option, revision_option
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@model_argument
@click.argument("alias")
@reason_option
@revision_option
def unalias(lifecycle: Lifecycle, model: str, alias: str, reason: str, revision: int | None) -> None:
    """Remove ALIAS of MODEL; its history stays.

    The version that it named stays too. A model without any alias is not served.
    """
    require_name(alias, "an alias")
    was = lifecycle.remove_alias(model, alias, reason, revision)
    say(f"{alias} of {model} is removed, was version {was['version']} (revision {was['revision']}).")
