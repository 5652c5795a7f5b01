"""Reads a file of instances, JSON or CSV, a piece at a time; what is wrong is told by row, counted over the file."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TextIO

import msgspec

from mlserve.api.bodies import read_any
from mlserve.errors import Invalid, Problem, Unreadable
from mlserve.inference.loaded import Limits
from mlserve.names import named_twice
from mlserve.predictions.envelope import read_envelope
from mlserve.signature import Batch, Decoder
from mlserve.signature.faults import got

PIECE = 1000


@dataclass(frozen=True)
class Instances:
    """The batches of a file, and what the file itself says beside them, where it is the body of a request."""

    batches: Iterator[Batch]
    reference: str | None = None
    explain: bool = False


def read_csv(file: TextIO, decoder: Decoder, limits: Limits) -> Instances:
    """The rows below the header line. Raises Unreadable, Invalid; so does the iteration."""
    rows = csv.DictReader(file, strict=True)
    try:
        names = list(rows.fieldnames or ())
    except csv.Error as error:
        raise Unreadable(f"The file is not CSV: {error}.") from error
    if not names:
        raise Unreadable("The file is empty: CSV begins with a line of the fields' names.")
    if (twice := named_twice(names)) is not None:
        raise Unreadable(f"The first line names {twice!r} twice.")
    return Instances(_csv_batches(rows, decoder, min(PIECE, limits.instances)))


def read_json(text: str, decoder: Decoder, limits: Limits) -> Instances:
    """One object, an array of objects, the body of a request, or one object a line. Raises Unreadable, Invalid."""
    raw = text.encode()
    try:
        value = read_any(raw, limits.depth)
    except Unreadable as error:
        value = _lines(text, limits.depth, error)
    size = min(PIECE, limits.instances)
    if not isinstance(value, dict):
        return Instances(_json_batches(value, decoder, size))
    if not {"instances", "columns"} & value.keys() - set(decoder.signature.names):
        return Instances(_json_batches([value], decoder, size))
    envelope, problems = read_envelope(raw, limits.depth, limits.problems)
    if problems:
        raise Invalid("The file is not the body of a prediction.", problems=problems[: limits.problems])
    batches = (
        _json_batches(value["instances"], decoder, size)
        if "instances" in value
        else _column_batches(value["columns"], decoder, size)
    )
    return Instances(batches, envelope.reference, envelope.explain)


def _lines(text: str, depth: int, error: Unreadable) -> list[Any]:
    """JSON lines; a text of one line was no JSON at all."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) < 2:
        raise error
    values = []
    for number, line in lines:
        try:
            values.append(read_any(line.encode(), depth))
        except Unreadable as wrong:
            raise Unreadable(f"Line {number} of the file: {wrong}") from wrong
    return values


def _csv_batches(rows: "csv.DictReader[str]", decoder: Decoder, size: int) -> Iterator[Batch]:
    start = 0
    while piece := _next_rows(rows, size):
        _refuse_ragged(piece, start, len(rows.fieldnames or ()))
        try:
            yield decoder.decode_text(piece)
        except Invalid as error:
            raise _moved(error, start) from None
        start += len(piece)


def _next_rows(rows: "csv.DictReader[str]", size: int) -> list[dict[str, str]]:
    try:
        return list(islice(rows, size))
    except csv.Error as error:
        raise Unreadable(f"Line {rows.line_num} of the file is not CSV: {error}.") from error


def _refuse_ragged(piece: list[dict[str, str]], start: int, width: int) -> None:
    """The reader gives surplus cells the name None, and those that lack the value None."""
    for number, row in enumerate(piece):
        surplus: Any = row.get(None)  # type: ignore[call-overload]
        lacking = sum(value is None for value in row.values())
        if surplus or lacking:
            cells = width + len(surplus or ()) - lacking
            problem = Problem("length", f"{width} cells, as in the first line", str(cells), instance=start + number)
            raise Invalid("The file is not a table.", problems=[problem])


def _json_batches(instances: Any, decoder: Decoder, size: int) -> Iterator[Batch]:
    if not isinstance(instances, list):
        raise Invalid(f"The file holds neither an object nor an array of objects, but {got(instances)}.")
    for start in range(0, len(instances), size):
        try:
            yield decoder.decode(msgspec.json.encode(instances[start : start + size]), None)
        except Invalid as error:
            raise _moved(error, start) from None


def _column_batches(columns: Any, decoder: Decoder, size: int) -> Iterator[Batch]:
    lists = columns.values() if isinstance(columns, dict) else ()
    lengths = {len(column) if isinstance(column, list) else -1 for column in lists}
    if len(lengths) != 1 or -1 in lengths:  # The decoder says what is wrong with them.
        yield decoder.decode(None, msgspec.json.encode(columns))
        return
    for start in range(0, max(lengths.pop(), 1), size):
        piece = {name: column[start : start + size] for name, column in columns.items()}
        try:
            yield decoder.decode(None, msgspec.json.encode(piece))
        except Invalid as error:
            raise _moved(error, start) from None


def _moved(error: Invalid, start: int) -> Invalid:
    """The decoder counts from the beginning of a piece."""
    problems = [
        replace(problem, instance=None if problem.instance is None else problem.instance + start)
        for problem in error.problems
    ]
    return Invalid(error.detail, problems=problems, more=error.more)
