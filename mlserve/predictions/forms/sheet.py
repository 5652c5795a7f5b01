"""Predictions as CSV: the rows of a request. The first row names the fields, in any order; an empty cell is missing."""

import csv
import io
from collections.abc import Sequence

from mlserve.errors import Invalid, Problem, TooLarge, Unreadable
from mlserve.inference import LoadedVersion
from mlserve.signature import Batch
from mlserve.signature.cells import plain_table

_CELL_TOO_LONG = "field larger than field limit"
_SHOWN = 80

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


def decode_sheet(loaded: LoadedVersion, body: bytes) -> Batch:
    """The Batch of a CSV whose first row names the fields. Raises Invalid, Unreadable, TooLarge."""
    columns = plain_table(loaded.signature, body, loaded.decoder.refuse_too_many)
    if columns is not None:
        try:
            return loaded.decoder.decode_arrays(columns)
        except Invalid:
            pass  # What is wrong, and in which row, is told below.
    head, *rows = read_rows(body) or [[]]
    return decode_rows(loaded, head, rows)


def decode_rows(
    loaded: LoadedVersion, head: Sequence[str], rows: Sequence[Sequence[str]], *, unnamed: bool = False
) -> Batch:
    """The Batch of rows of cells below their names. With `unnamed`, a column without a name is left out: pandas numbers
    its rows in one.

    Raises Invalid, with pointers of the form `/instances/3/age`, and TooLarge.
    """
    loaded.decoder.refuse_too_many(len(rows))
    if len(set(head)) < len(head):
        twice = next(name for name in head if head.count(name) > 1)
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
