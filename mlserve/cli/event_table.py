"""Events as verbs list them: which are asked for, and how they are told."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import Any

import click

from mlserve.cli.lifecycle import Json
from mlserve.cli.output import format_option, print_json_lines, print_table
from mlserve.cli.times import moment, time_cell
from mlserve.events import KINDS, Event
from mlserve.events.headlines import headline

_OPTIONS = (
    click.option("--alias", help="Of this alias only."),
    click.option("--kind", type=click.Choice(KINDS), metavar="KIND", help="Such as alias_moved or key_created."),
    click.option("--since", type=moment, metavar="TIME", help="Such as 2026-11-22T18:30:00Z; UTC without an offset."),
    click.option("--until", type=moment, metavar="TIME"),
    click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000)),
    format_option("table", "json"),
)


def event_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Which events, and how: `alias`, `kind`, `since`, `until`, `limit` and `form`."""
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb


def print_events(found: list[Json], form: str, *, of_one: bool = False) -> None:
    """`of_one`: all of them are of one model, which is not told with each."""
    if form == "json":
        print_json_lines(found)
    elif found:
        model = [] if of_one else ["model"]
        print_table(("at", *model, "what", "by", "reason"), [_cells(told, of_one) for told in found])
    else:
        click.echo("No events.", err=True)


def _cells(told: Json, of_one: bool) -> tuple[str, ...]:
    # A later server may tell more of an event than is known here.
    known: dict[str, Any] = {one.name: told[one.name] for one in fields(Event)}
    event = Event(**known | {"at": datetime.fromisoformat(told["at"])})
    model = [] if of_one else [event.model or ""]
    return (time_cell(event.at), *model, headline(event), event.actor, " ".join(event.reason.splitlines()))
