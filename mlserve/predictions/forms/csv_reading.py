"""Predictions as CSV: the rows of a request. The first row names the fields, in any order; an empty cell is missing."""

import csv
import io
from collections.abc import Sequence

from mlserve.errors import Invalid, Problem, TooLarge, Unreadable
from mlserve.inference import LoadedVersion
from mlserve.names import named_twice
from mlserve.signature import Batch
from mlserve.signature.cells import plain_table

_CELL_TOO_LONG = "field larger than field limit"
_SHOWN = 80
# Columns beyond the signature's that are still told one by one.
_STRANGERS = 1000

Rows = list[list[str]]


def read_rows(body: bytes) -> Rows:
    """The cells of a CSV in UTF-8 (RFC 4180), without its empty lines. Raises Unreadable, TooLarge."""
    try:
        text = body.decode("utf-8-sig")
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        if _CELL_TOO_LONG in str(error):
            # The limit is Python's, and one for the whole process: it is not ours to change.
            most = f"{csv.field_size_limit():,} characters"
            raise TooLarge(f"A cell of the table has more than {most}: send such values as JSON.") from error
        raise Unreadable(f"The body is no table in UTF-8: {error}.") from error


def decode_csv(loaded: LoadedVersion, body: bytes) -> Batch:
    """The Batch of a CSV whose first row names the fields. Raises Invalid, Unreadable, TooLarge."""
    _refuse_too_wide(loaded, body)
    columns = plain_table(loaded.signature, body, loaded.decoder.refuse_too_many)
    if columns is not None:
        try:
            return loaded.decoder.decode_arrays(columns)
        except Invalid:
            pass  # What is wrong, and in which row, is told below.
    head, *rows = read_rows(body) or [[]]
    try:
        return decode_rows(loaded, head, rows)
    except Invalid as error:
        if rows or not head:
            raise
        # As `curl -d @FILE` sends it.
        detail = f"{error.detail} The body is one line: were its line ends lost?"
        raise Invalid(detail, problems=error.problems, more=error.more) from None


def _refuse_too_wide(loaded: LoadedVersion, body: bytes) -> None:
    """Before a cell is read: a line of a million names takes seconds."""
    fields, width = len(loaded.signature.names), 1 + body.partition(b"\n")[0].count(b",")
    if width > fields + _STRANGERS:
        problem = Problem("length", f"{fields} columns", f"{width}")
        raise Invalid("The first line names far more columns than the model has fields.", problems=[problem])


def decode_rows(
    loaded: LoadedVersion, head: Sequence[str], rows: Sequence[Sequence[str]], *, unnamed: bool = False
) -> Batch:
    """The Batch of rows of cells below their names. With `unnamed`, a column without a name is left out: pandas numbers
    its rows in one.

    Raises Invalid, with pointers of the form `/instances/3/age`, and TooLarge.
    """
    loaded.decoder.refuse_too_many(len(rows))
    if (twice := named_twice(head)) is not None:
        problem = Problem("unknown_field", "each column once", twice[:_SHOWN], field=twice[:_SHOWN])
        raise Invalid("A column stands there twice.", problems=[problem])
    for number, row in enumerate(rows):
        if len(row) != len(head):
            problem = Problem("length", f"{len(head)} cells", f"{len(row)}", f"/instances/{number}", number)
            raise Invalid("A row is not as long as the first one.", problems=[problem])
    if unnamed and "" in head:
        at = head.index("")
        head, rows = _without(head, at), [_without(row, at) for row in rows]
    return loaded.decoder.decode_cells(head, rows)


def _without(cells: Sequence[str], at: int) -> Sequence[str]:
    return [*cells[:at], *cells[at + 1 :]]
