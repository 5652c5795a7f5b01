"""`mlserve events`: what happened, to all models, keys and users."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.cli.predictions import moment
from mlserve.cli.registry import time_cell
from mlserve.db.wiring import opened_by_operator
from mlserve.registry import events as store
from mlserve.registry.described import describe_event
from mlserve.registry.events import KINDS, Event
from mlserve.registry.headlines import headline


@click.command()
@ini_argument
@click.option("--model", help="Of this model only.")
@click.option("--kind", type=click.Choice(KINDS), metavar="KIND", help="Such as alias_moved or key_created.")
@click.option("--since", type=moment, metavar="TIME", help="Such as 2026-11-22T18:30:00Z; UTC without an offset.")
@click.option("--until", type=moment, metavar="TIME")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def events(ini: Path, since: datetime | None, until: datetime | None, limit: int, form: str, **filters: Any) -> None:
    """List what happened, newest first: to models, keys and users, and calls that were refused.

    `--format json` prints one object a line.
    """
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        found = store.page(connection, since=since, until=until, limit=limit, **filters)
    if form == "json":
        for event in found:
            sys.stdout.write(msgspec.json.encode(describe_event(event)).decode() + "\n")
    elif found:
        print_table(("at", "model", "what", "by", "reason"), [_cells(event) for event in found])
    else:
        click.echo("No events.", err=True)


def _cells(event: Event) -> tuple[str, str, str, str, str]:
    return time_cell(event.at), event.model or "", headline(event), event.actor, event.reason
