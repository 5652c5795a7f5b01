"""`mlserve events`: what happened, to all models, keys, users and webhooks."""

from typing import Any

import click

from mlserve.cli.event_table import event_options, print_events
from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@click.option("--model", help="Of this model only.")
@event_options
def events(lifecycle: Lifecycle, form: str, **asked: Any) -> None:
    """List what happened, newest first: to models, keys, users and webhooks, and calls that were refused.

    `--format json` prints one object a line.
    """
    print_events(lifecycle.events(**asked), form)
