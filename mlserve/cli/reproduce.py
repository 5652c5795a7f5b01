"""`mlserve reproduce`: is a kept prediction answered the same way once more? Nothing is kept."""

import sys
from dataclasses import dataclass

import click
import msgspec

from mlserve.cli.lifecycle import Json, Lifecycle
from mlserve.cli.output import format_option, print_json_lines, print_table, say
from mlserve.cli.target import on_lifecycle
from mlserve.predictions.reproduction import read_reproduction, sentence


@click.command()
@on_lifecycle
@click.argument("prediction_id")
@click.option("--model", help="The model that has answered; default: it is looked for.")
@format_option("text", "json")
def reproduce(lifecycle: Lifecycle, prediction_id: str, model: str | None, form: str) -> None:
    """Ask a kept prediction again, of the very bundle that answered it.

    So is its explanation, where one was stored. The exit status is 0 where all is equal to the bit, and else 1.
    """
    told = lifecycle.reproduce(prediction_id.lower(), model)
    if form == "json":
        print_json_lines([told])
    else:
        _tell(told)
    if not read_reproduction(told).same:
        sys.exit(1)


@dataclass(frozen=True)
class _Asked:
    model: str
    version: int
    not_kept: dict[str, str] | None


def _tell(told: Json) -> None:
    reproduction = read_reproduction(told)
    say(sentence(_Asked(told["model"], told["version"], told["not_kept"]), reproduction))
    if reproduction.differences:
        print_table(
            ("output", "instance", "stored", "now"),
            [(one.output, str(one.instance), _text(one.stored), _text(one.now)) for one in reproduction.differences],
        )
    if reproduction.explanation is not None and reproduction.explanation.differences:
        print_table(
            ("part", "field", "block", "instance", "stored", "now"),
            [
                (
                    one.part,
                    one.field or "",
                    one.block or "",
                    "" if one.instance is None else str(one.instance),
                    _text(one.stored),
                    _text(one.now),
                )
                for one in reproduction.explanation.differences
            ],
        )
    then, now = reproduction.then, reproduction.now
    for name in reproduction.changed:
        say(f"{name}: {getattr(then, name)} then, {getattr(now, name)} now")


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
