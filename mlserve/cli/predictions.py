"""`mlserve predictions`: what the log keeps of a model."""

import csv
import sys
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec
from sqlalchemy import Connection

from mlserve.application import Application
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import format_option, print_json_lines, print_table, printable
from mlserve.cli.times import moment
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import ModelUnknown
from mlserve.predictions import store
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.schemas import describe_answer, describe_prediction
from mlserve.registry import service

COLUMNS = ("id", "created_at", "version", "alias", "caller", "reference", "instances", "outputs")
# Of one prediction in a table: so many outputs, and so many characters of them.
_OUTPUTS, _LONGEST = 2, 300


@click.command()
@ini_argument
@click.argument("model")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--since", type=moment, metavar="TIME", help="Such as 2026-11-22T18:30:00Z; UTC without an offset.")
@click.option("--until", type=moment, metavar="TIME")
@click.option("--version", type=click.IntRange(1, 2**31 - 1))
@click.option("--caller")
@click.option("--reference")
@format_option("table", "json", "csv")
def predictions(
    ini: Path, model: str, limit: int, since: datetime | None, until: datetime | None, form: str, **filters: Any
) -> None:
    """List the kept predictions of MODEL, newest first.

    A table shows the first outputs of each; json and csv have all. `--format json` prints one object a line, inputs
    included.
    """
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        rows = list(store.walk_predictions(connection, model, since=since, until=until, limit=limit, **filters))
        if not rows:
            _refuse_unknown(application, connection, model)
            click.echo("No predictions.", err=True)
    PRINTERS[form](rows)


def _refuse_unknown(application: Application, connection: Connection, model: str) -> None:
    """Raise ModelUnknown for a model that is neither declared nor registered."""
    names = {*application.settings.model_names, *(row["name"] for row in service.models(connection))}
    if model not in names:
        near = get_close_matches(model, names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ModelUnknown(f"There is no model {model!r} here{hint}")


def _cells(row: PredictionRecord, outputs: str) -> list[str]:
    texts = {**describe_answer(row), "outputs": outputs}
    return ["" if texts[name] is None else str(texts[name]) for name in COLUMNS]


def _print_table(rows: list[PredictionRecord]) -> None:
    print_table(COLUMNS, [tuple(_cells(row, _first_outputs(row))) for row in rows])


def _first_outputs(row: PredictionRecord) -> str:
    """Whoever reads a table wants no 10,000 of them."""
    outputs = msgspec.json.decode(row.outputs, type=list[msgspec.Raw])
    text = ",".join(bytes(output).decode() for output in outputs[:_OUTPUTS])
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    more = len(outputs) - _OUTPUTS
    return f"[{text}, … {more:,} more]" if more > 0 else f"[{text}]"


def _print_csv(rows: list[PredictionRecord]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    shown = printable if sys.stdout.isatty() else str
    writer.writerows([*map(shown, _cells(row, bytes(row.outputs).decode()))] for row in rows)


def _print_json(rows: list[PredictionRecord]) -> None:
    """One after the other: only one block's inputs are text at a time."""
    print_json_lines(map(describe_prediction, rows))


PRINTERS = {"table": _print_table, "json": _print_json, "csv": _print_csv}
