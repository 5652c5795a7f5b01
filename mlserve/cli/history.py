"""`mlserve history`: what became of a model, and what was live at a time."""

from datetime import datetime
from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.cli.predictions import moment
from mlserve.cli.registry import model_argument, time_cell
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import ModelUnknown
from mlserve.registry import aliases, events, service
from mlserve.registry.events import Event


@click.command()
@ini_argument
@model_argument
@click.option("--at", type=moment, metavar="TIME", help="What each alias named then; UTC without an offset.")
@click.option("--alias", help="Of this alias only.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
def history(ini: Path, model: str, at: datetime | None, alias: str | None, limit: int) -> None:
    """List what became of MODEL, newest first.

    With --at, what its aliases named at that time.
    """
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        if not service.exists(connection, model):
            raise ModelUnknown(f"There is no model {model!r} in the registry.")
        if at is not None:
            rows = aliases.at(connection, model, at, alias)
            print_table(
                ("alias", "version", "since", "by", "reason"),
                [
                    (one["alias"], str(one["version"]), time_cell(one["moved_at"]), one["moved_by"], one["reason"])
                    for one in rows
                ],
            )
            return
        page = events.page(connection, model=model, alias=alias, limit=limit)
    print_table(("at", "what", "version", "by", "reason"), [_row(event) for event in page])


def _row(event: Event) -> tuple[str, str, str, str, str]:
    what = event.kind.replace("_", " ")
    if event.alias is not None:
        what = f"{event.alias}: {what.removeprefix('alias ')}"
        if event.after and event.after.get("back"):
            what += " back"
    return time_cell(event.at), what, str(event.version or ""), event.actor, event.reason
