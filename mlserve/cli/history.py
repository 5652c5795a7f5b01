"""`mlserve history`: what became of a model, and what was live at a time."""

from datetime import datetime
from typing import Any

import click

from mlserve.cli.event_table import event_options, print_events
from mlserve.cli.lifecycle import Lifecycle
from mlserve.cli.output import print_json_lines, print_table
from mlserve.cli.registry import model_argument
from mlserve.cli.target import on_lifecycle
from mlserve.cli.times import moment, time_cell


@click.command()
@on_lifecycle
@model_argument
@click.option("--at", type=moment, metavar="TIME", help="What each alias named then; UTC without an offset.")
@event_options
def history(lifecycle: Lifecycle, model: str, at: datetime | None, alias: str | None, form: str, **asked: Any) -> None:
    """List what became of MODEL, newest first.

    With --at, what its aliases named at that time. `--format json` prints one object a line.
    """
    if at is None:
        print_events(lifecycle.history(model, alias=alias, **asked), form, of_one=True)
        return
    if any(asked[name] is not None for name in ("kind", "since", "until")):
        raise click.UsageError("--kind, --since and --until are of events: with --at none are listed.")
    live = lifecycle.live_at(model, at, alias)
    if form == "json":
        print_json_lines(live)
        return
    print_table(
        ("alias", "version", "since", "by", "reason"),
        [
            (one["alias"], str(one["version"]), time_cell(one["moved_at"]), one["moved_by"], one["reason"])
            for one in live
        ],
    )
