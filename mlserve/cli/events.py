"""`mlserve events`: what happened, to all models, keys, users and webhooks."""

from typing import Any

import click

from mlserve.cli.event_table import event_options, print_events
from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.target import on_lifecycle
from mlserve.events.kinds import OF_CALLERS


@click.command()
@on_lifecycle
@click.option("--model", help="Of this model only.")
@event_options
def events(lifecycle: Lifecycle, form: str, kind: str | None, **asked: Any) -> None:
    """List what happened, newest first: to models, keys, users and webhooks, and calls that were refused.

    `--format json` prints one object a line.
    """
    found = lifecycle.events(kind=kind, **asked)
    print_events(found, form)
    if not found and lifecycle.watches and kind in OF_CALLERS:
        click.echo("Of keys, users and refused calls the server tells those with the role admin.", err=True)
