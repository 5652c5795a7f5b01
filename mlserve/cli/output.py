"""What verbs print: tables, which keep their full width in a file or a pipe, and JSON."""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

# What moves a terminal's cursor or the order of its letters, and halves of letters; ends of lines and tabs may stay.
_COMMANDS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def format_option(*forms: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option `--format`, given to the verb as `form`; the first of `forms` unless said."""
    return click.option("--format", "form", type=click.Choice(forms), default=forms[0], show_default=True)


def printable(text: str) -> str:
    """The text without what a terminal would take as a command: others have written it, and somebody else reads it."""
    return _COMMANDS.sub("\N{REPLACEMENT CHARACTER}", text)


def say(text: str) -> None:
    """A sentence in which there are words from afar."""
    click.echo(printable(text))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False, markup=False).print(table, crop=False)


def print_json(value: Any) -> None:
    """One value, for people too."""
    click.echo(msgspec.json.format(_encoded(value)))


def print_json_lines(values: Iterable[Any]) -> None:
    """One value a line, for programs."""
    for value in values:
        sys.stdout.write(_encoded(value) + "\n")


def _encoded(value: Any) -> str:
    """JSON of the same value, with nothing in it that a terminal would take as a command."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(value).decode())


def comma(names: Iterable[str]) -> str:
    return ", ".join(names)
