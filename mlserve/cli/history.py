"""`mlserve history`: what became of a model, and what was live at a time."""

from datetime import datetime

import click

from mlserve.cli.lifecycle import Json, Lifecycle
from mlserve.cli.output import print_table
from mlserve.cli.registry import model_argument
from mlserve.cli.target import on_lifecycle
from mlserve.cli.times import moment, time_cell


@click.command()
@on_lifecycle
@model_argument
@click.option("--at", type=moment, metavar="TIME", help="What each alias named then; UTC without an offset.")
@click.option("--alias", help="Of this alias only.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
def history(lifecycle: Lifecycle, model: str, at: datetime | None, alias: str | None, limit: int) -> None:
    """List what became of MODEL, newest first.

    With --at, what its aliases named at that time.
    """
    if at is None:
        rows = [_row(event) for event in lifecycle.history(model, alias, limit)]
        print_table(("at", "what", "version", "by", "reason"), rows)
        return
    live = lifecycle.live_at(model, at, alias)
    print_table(
        ("alias", "version", "since", "by", "reason"),
        [
            (one["alias"], str(one["version"]), time_cell(one["moved_at"]), one["moved_by"], one["reason"])
            for one in live
        ],
    )


def _row(event: Json) -> tuple[str, str, str, str, str]:
    what = event["kind"].replace("_", " ")
    if event["alias"] is not None:
        what = f"{event['alias']}: {what.removeprefix('alias ')}"
        if event["after"] and event["after"].get("back"):
            what += " back"
    return time_cell(event["at"]), what, str(event["version"] or ""), event["actor"], event["reason"]
