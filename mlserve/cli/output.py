"""What verbs print: tables, which keep their full width in a file or a pipe, and JSON."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table


def format_option(*forms: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option `--format`, given to the verb as `form`; the first of `forms` unless said."""
    return click.option("--format", "form", type=click.Choice(forms), default=forms[0], show_default=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False, markup=False).print(table, crop=False)


def print_json(value: Any) -> None:
    """One value, for people too."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def print_json_lines(values: Iterable[Any]) -> None:
    """One value a line, for programs."""
    for value in values:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def comma(names: Iterable[str]) -> str:
    return ", ".join(names)
