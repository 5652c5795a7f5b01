"""`mlserve predict`: answer a file of instances without a server; the predictions are kept as a server would."""

import csv
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from mlserve.cli.ini import ini_argument, started
from mlserve.cli.instances import Instances, read_csv, read_json
from mlserve.errors import MlserveError, Problem, Unreadable
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.predictions.service import Asked, PredictionService


@click.command()
@ini_argument
@click.argument("model")
@click.argument("file", type=click.File(encoding="utf-8-sig"), default="-")
@click.option("--from", "source", type=click.Choice(["json", "csv"]), help="Default: by the file's name, else json.")
@click.option("--to", "target", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--reference", help="Kept with each prediction.")
def predict(ini: Path, model: str, file: TextIO, source: str | None, target: str, reference: str | None) -> None:
    """Answer a file of instances, and keep the predictions.

    MODEL answers FILE, or standard input. JSON is one object, an array of objects, the body of a request, or one
    object a line; CSV has a header line.
    """
    name = str(getattr(file, "name", ""))
    if source is None and name.lower().endswith(".csv"):
        source = "csv"
    answered = 0
    with started(ini) as application:
        loaded = application.live.get(model).loaded()
        try:
            instances = _read(file, source, loaded, application.limits)
            asked = Asked(caller="cli", reference=reference or instances.reference, explain=instances.explain)
            write = _Writer(loaded, target)
            for batch in instances.batches:
                write(application.serving, batch, asked)
                answered += batch.n
        except UnicodeDecodeError as error:
            raise click.ClickException(f"The file is not UTF-8 at byte {error.start} of what was read last.") from None
        except MlserveError as error:
            before = [f"  The {answered:,} rows before are answered and kept."] if answered else []
            told = [str(error), *_cause(error), *map(_line, error.problems), *before]
            raise click.ClickException("\n".join(told)) from None


def _read(file: TextIO, source: str | None, loaded: LoadedVersion, limits: Limits) -> Instances:
    if source == "csv":
        return read_csv(file, loaded.decoder, limits)
    text = file.read()
    if not text.strip():
        raise Unreadable("The file is empty.")
    try:
        return read_json(text, loaded.decoder, limits)
    except Unreadable as error:
        if source is None and _looks_like_csv(text):
            raise Unreadable(f"{error} (CSV? say --from csv)") from error
        raise


def _looks_like_csv(text: str) -> bool:
    first = text.lstrip().partition("\n")[0]
    return "," in first and first[0] not in "[{"


class _Writer:
    """Answers batches on standard output, one instance a line."""

    def __init__(self, loaded: LoadedVersion, target: str) -> None:
        self._loaded = loaded
        self._names = [output.name for output in loaded.signature.outputs]
        self._csv = csv.writer(sys.stdout, lineterminator="\n") if target == "csv" else None
        if self._csv is not None:
            self._csv.writerow(["prediction", "instance", *self._names])

    def __call__(self, serving: PredictionService, batch: Any, asked: Asked) -> None:
        record = serving.serve(self._loaded, batch, asked).record
        rows: list[dict[str, Any]] = msgspec.json.decode(record.outputs)
        for number, row in enumerate(rows):
            if self._csv is not None:
                self._csv.writerow([record.id, number, *(_cell(row[name]) for name in self._names)])
            else:
                line = {"prediction": record.id, "instance": number, **row}
                sys.stdout.write(msgspec.json.encode(line).decode() + "\n")


def _cell(value: Any) -> Any:
    """Numbers and texts as they are; what CSV has no form for as JSON."""
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list | bool) else value


def _cause(error: MlserveError) -> list[str]:
    """What a family raised: callers are never told it, and who has the INI is no caller."""
    cause = error.__cause__
    if cause is None or isinstance(cause, MlserveError):
        return []
    return ["  " + traceback.format_exception_only(cause)[-1].strip()]


def _line(problem: Problem) -> str:
    place = [] if problem.instance is None else [f"row {problem.instance + 1:,}"]
    place += [f"field {problem.field}"] if problem.field is not None else []
    where = ", ".join(place) or problem.pointer or "the file"
    return f"  {where}: expected {problem.expected}, got {problem.got} ({problem.code})"
