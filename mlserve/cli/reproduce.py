"""`mlserve reproduce`: is a kept prediction answered the same way once more? Nothing is started or kept."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import msgspec

from mlserve.application import Application
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import MlserveError, NotSupported, PredictionUnknown
from mlserve.inference import LoadedVersion
from mlserve.predictions import lookup
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.reproducing import Reproducing
from mlserve.predictions.reproduction import Reproduction, describe_reproduction, sentence
from mlserve.registry.past import Past, load_past


@click.command()
@ini_argument
@click.argument("prediction_id")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def reproduce(ini: Path, prediction_id: str, form: str) -> None:
    """Ask a kept prediction again, of the very bundle that answered it.

    The exit status is 0 where the answer is equal to the bit, and else 1.
    """
    with built(ini) as application:
        record = _find(application, prediction_id.lower())
        reproduction = Reproducing(partial(_loaded, application)).of_kept(record)
    if form == "json":
        click.echo(msgspec.json.encode(describe_reproduction(record, reproduction)))
    else:
        _tell(record, reproduction)
    if reproduction.verdict != "bit_equal":
        sys.exit(1)


def _find(application: Application, identity: str) -> PredictionRecord:
    """The prediction, in SQL or in this host's spool. Raises PredictionUnknown, DatabaseUnavailable."""
    with opened_by_operator(application) as database:
        record = lookup.find(database, application.var / "spool", identity)
    if record is None:
        raise PredictionUnknown(f"There is no kept prediction {identity!r} here.")
    return record


@contextmanager
def _loaded(application: Application, past: Past) -> Iterator[LoadedVersion]:
    """The version, loaded from its bundle. Raises NotSupported, with the reason: here is no server's log to look at."""
    try:
        loaded = load_past(application, past)
    except NotSupported as error:
        if isinstance(error.__cause__, MlserveError):
            raise NotSupported(f"{error.detail} {error.__cause__.detail}") from error
        raise
    try:
        yield loaded
    finally:
        loaded.close()


def _tell(record: PredictionRecord, reproduction: Reproduction) -> None:
    click.echo(sentence(record, reproduction))
    if reproduction.differences:
        print_table(
            ("output", "instance", "stored", "now"),
            [(one.output, str(one.instance), _text(one.stored), _text(one.now)) for one in reproduction.differences],
        )
    then, now = reproduction.then, reproduction.now
    for name in reproduction.changed:
        click.echo(f"{name}: {getattr(then, name)} then, {getattr(now, name)} now")


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
