"""CSV cells that are read in bulk are what they are one by one."""

import csv
import io
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.errors import Invalid, TooLarge
from mlserve.predictions.forms.csv_reading import decode_csv
from mlserve.signature import Batch, Decoder, Field, Signature
from mlserve.signature.cells import plain_columns, plain_table
from tests.unit.signature import strategies
from tests.unit.signature.test_agreement import same_arrays, thorough

PLAIN = Signature((Field("a", "float64", nullable=True), Field("b", "int8")), ())
ODD_CELLS = ["+1", ".5", "1.", "007", " 1", "1e5", "-0", "1,2", "1],[2", "nan", "TRUE", "é", "\n", "null", "-", "1e999"]


def few(count: int) -> None:
    if count > 3:
        raise TooLarge("more than 3 rows")


def cell(literal: str) -> str:
    value = json.loads(literal) if len(literal) < 4000 else None
    return "" if value is None else value if isinstance(value, str) else literal


def told(decode: Any) -> Batch | list[Any]:
    try:
        return decode()  # type: ignore[no-any-return]
    except Invalid as error:
        return [str(error), *error.problems]


@thorough
@given(data=st.data())
def test_bulk_and_cell_by_cell_are_the_same(data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    good = data.draw(st.booleans())
    rows = [[cell(text) for text in row] for row in data.draw(strategies.rows(signature, good=good))]
    if data.draw(st.integers(0, 3)) == 0:
        rows[0][0] = data.draw(st.sampled_from(ODD_CELLS))
    decoder = Decoder(signature, max_instances=10, max_problems=5)
    expected = told(lambda: decoder.decode_text([dict(zip(signature.names, row, strict=True)) for row in rows]))
    found = told(lambda: decoder.decode_cells(signature.names, rows))
    sheet = io.StringIO(newline="")
    csv.writer(sheet, lineterminator=data.draw(st.sampled_from(["\n", "\r\n"]))).writerows([signature.names, *rows])
    loaded: Any = SimpleNamespace(decoder=decoder, signature=signature)
    whole = told(lambda: decode_csv(loaded, sheet.getvalue().encode()))
    if isinstance(expected, Batch):
        for batch in (found, whole):
            assert isinstance(batch, Batch)
            assert same_arrays(batch, expected)
    else:
        assert found == expected == whole


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(cells=st.lists(st.sampled_from(["", "1", "-2.5"]), max_size=5), ended=st.booleans())
def test_quotes_around_a_cell_change_nothing_in_a_table_of_one_column(end: str, cells: list[str], ended: bool) -> None:
    signature = Signature((Field("x", "float64", nullable=True),), ())
    loaded: Any = SimpleNamespace(decoder=Decoder(signature, max_instances=10, max_problems=5), signature=signature)
    bare, quoted = (
        told(lambda lines=lines: decode_csv(loaded, (end.join(lines) + end * ended).encode()))
        for lines in (["x", *cells], ['"x"', *cells])
    )
    if isinstance(bare, Batch):
        assert isinstance(quoted, Batch)
        assert same_arrays(bare, quoted)
        assert bare.n == len([cell for cell in cells if cell])
    else:
        assert bare == quoted


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"a,b\n1.5,2\n,3\n", [[1.5, None], [2, 3]]),
        (b"b,a\r\n1,2\r\n3,4", [[2, 4], [1, 3]]),
        (b"a,b\n,\n", [[None], [None]]),
        (b"a,b\n-1e-3,1.0", [[-0.001], [1]]),
    ],
)
def test_a_table_of_numbers_is_parsed_whole(body: bytes, found: list[Any]) -> None:
    columns = plain_table(PLAIN, body, few)
    assert columns is not None
    values = [[None if value != value else value for value in np.asarray(columns[name]).tolist()] for name in "ab"]
    assert values == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a,b",
        b"a,b\n",
        b"a,b\n1",
        b"a,b\n1,2,3",
        b"a,b\n1\n2,3,4",
        b"a,b\n1,2\n\n3,4",
        b"a\n1\n\n3",
        b"a\n1\n\n",
        b"a\n\n1\n",
        b"a,b\n1,x",
        b'a,b\n"1",2',
        b"a,b\r1,2",
        b"a,a\n1,2",
        b"a,c\n1,2",
        b'"a",b\n1,2',
        b"a,b\n1,01",
        b"a,b\n1,1-2",
        b"\xff,b\n1,2",
    ],
)
def test_any_other_table_is_not(body: bytes) -> None:
    assert plain_table(PLAIN, body, few) is None


def test_rows_are_counted_before_they_are_parsed() -> None:
    with pytest.raises(TooLarge):
        plain_table(PLAIN, b"a,b\n" + b"1,2\n" * 4, few)


def test_wide_numbers_keep_their_digits() -> None:
    signature = Signature((Field("n", "int64"), Field("u", "uint64", nullable=True)), ())
    columns = plain_columns(signature, ["n", "u"], [[str(2**63 - 1), str(2**64 - 1)], ["-5", ""]])
    assert columns is not None
    assert [list(column) for column in columns.values()] == [[2**63 - 1, -5], [2**64 - 1, None]]
    assert plain_table(signature, b"n,u\n1,2\n", few) is None
