"""`mlserve events`: what happened, to all models, keys and users."""

import sys
from dataclasses import fields
from datetime import datetime
from typing import Any

import click
import msgspec

from mlserve.cli.lifecycle import Json, Lifecycle
from mlserve.cli.output import print_table
from mlserve.cli.target import on_lifecycle
from mlserve.cli.times import moment, time_cell
from mlserve.registry.events import KINDS, Event
from mlserve.registry.headlines import headline


@click.command()
@on_lifecycle
@click.option("--model", help="Of this model only.")
@click.option("--kind", type=click.Choice(KINDS), metavar="KIND", help="Such as alias_moved or key_created.")
@click.option("--since", type=moment, metavar="TIME", help="Such as 2026-11-22T18:30:00Z; UTC without an offset.")
@click.option("--until", type=moment, metavar="TIME")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def events(lifecycle: Lifecycle, form: str, **asked: Any) -> None:
    """List what happened, newest first: to models, keys and users, and calls that were refused.

    `--format json` prints one object a line.
    """
    found = lifecycle.events(**asked)
    if form == "json":
        for told in found:
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    elif found:
        print_table(("at", "model", "what", "by", "reason"), [_cells(told) for told in found])
    else:
        click.echo("No events.", err=True)


def _cells(told: Json) -> tuple[str, str, str, str, str]:
    # A later server may tell more of an event than is known here.
    event = Event(**{one.name: told[one.name] for one in fields(Event)} | {"at": datetime.fromisoformat(told["at"])})
    return time_cell(told["at"]), event.model or "", headline(event), event.actor, event.reason
