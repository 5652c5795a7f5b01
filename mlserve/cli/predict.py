"""`mlserve predict`: answer a file of instances without a server; the predictions are kept as a server would."""

import csv
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from mlserve.cli.ini import ini_argument, started
from mlserve.errors import Invalid, MlserveError
from mlserve.inference import LoadedVersion
from mlserve.predictions.service import Asked, PredictionService
from mlserve.signature import Batch

CHUNK = 1000


@click.command()
@ini_argument
@click.argument("model")
@click.argument("file", type=click.File(encoding="utf-8-sig"), default="-")
@click.option("--from", "source", type=click.Choice(["json", "csv"]), help="Default: by the file's name, else json.")
@click.option("--to", "target", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--reference", help="Kept with each prediction.")
def predict(ini: Path, model: str, file: TextIO, source: str | None, target: str, reference: str | None) -> None:
    """Answer the instances of FILE (or of standard input) with MODEL, and keep the predictions.

    JSON is one object, an array of objects, the body of a request, or one object a line; CSV has a header line.
    """
    source = source or ("csv" if file.name.endswith(".csv") else "json")
    with started(ini) as application:
        loaded = application.live.get(model).loaded()
        batches = (
            _csv_batches(loaded, file, application.limits.instances) if source == "csv" else _json_batches(loaded, file)
        )
        try:
            _answer(application.serving, loaded, batches, Asked(caller="cli", reference=reference), target)
        except MlserveError as error:
            raise click.ClickException("\n".join([str(error), *_lines(error)])) from None


def _answer(
    serving: PredictionService, loaded: LoadedVersion, batches: Iterator[Batch], asked: Asked, target: str
) -> None:
    names = [output.name for output in loaded.signature.outputs]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if target == "csv":
        writer.writerow(["prediction", "instance", *names])
    for batch in batches:
        record = serving.serve(loaded, batch, asked)
        rows: list[dict[str, Any]] = msgspec.json.decode(record.outputs)
        for number, row in enumerate(rows):
            if target == "csv":
                writer.writerow([record.id, number, *(row[name] for name in names)])
            else:
                line = {"prediction": record.id, "instance": number, **row}
                sys.stdout.write(msgspec.json.encode(line).decode() + "\n")


def _csv_batches(loaded: LoadedVersion, file: TextIO, limit: int) -> Iterator[Batch]:
    rows = csv.DictReader(file)
    while chunk := list(islice(rows, min(CHUNK, limit))):
        yield loaded.decoder.decode_text(chunk)


def _json_batches(loaded: LoadedVersion, file: TextIO) -> Iterator[Batch]:
    text = file.read().encode()
    try:
        value = msgspec.json.decode(text)
        instances = value.get("instances", [value]) if isinstance(value, dict) else value
    except msgspec.DecodeError:
        instances = [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
    if not isinstance(instances, list):
        raise Invalid("The file holds neither an object nor an array of objects.")
    for start in range(0, len(instances), CHUNK):
        yield loaded.decoder.decode(msgspec.json.encode(instances[start : start + CHUNK]), None)


def _lines(error: MlserveError) -> list[str]:
    return [
        f"  {problem.pointer}: {problem.code}; expected {problem.expected}, got {problem.got}"
        for problem in error.problems
    ]
