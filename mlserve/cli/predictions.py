"""`mlserve predictions`: what the log keeps of a model."""

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.db.wiring import opened_by_operator
from mlserve.predictions import store
from mlserve.predictions.schemas import describe_prediction

COLUMNS = ("id", "created_at", "version", "alias", "caller", "reference", "instances", "outputs")
DATES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])


@click.command()
@ini_argument
@click.argument("model")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--since", type=DATES, help="UTC where no offset is written.")
@click.option("--until", type=DATES)
@click.option("--version", type=click.IntRange(1, 2**31 - 1))
@click.option("--caller")
@click.option("--reference")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def predictions(
    ini: Path, model: str, limit: int, since: datetime | None, until: datetime | None, form: str, **filters: Any
) -> None:
    """List the kept predictions of MODEL, newest first (`json`: one object a line, inputs included)."""
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        rows = store.list_predictions(connection, model, since=_utc(since), until=_utc(until), limit=limit, **filters)
    PRINTERS[form]([describe_prediction(row) for row in rows])


def _utc(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _cells(row: dict[str, Any]) -> list[str]:
    texts = {**row, "outputs": msgspec.json.encode(row["outputs"]).decode()}
    return ["" if texts[name] is None else str(texts[name]) for name in COLUMNS]


def _print_table(rows: list[dict[str, Any]]) -> None:
    print_table(COLUMNS, [tuple(_cells(row)) for row in rows])


def _print_json(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        sys.stdout.write(msgspec.json.encode(row).decode() + "\n")


def _print_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in rows)


PRINTERS = {"table": _print_table, "json": _print_json, "csv": _print_csv}
