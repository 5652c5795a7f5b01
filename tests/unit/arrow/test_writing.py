"""What is written, pyarrow reads."""

import numpy as np
import pyarrow as pa
import pytest

from mlserve.arrow import BYTES, TEXT, Column, open_stream, stream_of
from tests.unit.arrow.streams import plain

LACKING = np.array([False, True, False])
COLUMNS = [
    *(Column(name, np.arange(3, dtype=name)) for name in ("int8", "uint16", "int32", "uint64", "float16", "float32")),
    Column("nan", np.array([np.nan, np.inf, -0.0])),
    Column("bits", np.array([True, False, True])),
    Column("text", ["a", None, "ü€"], (), TEXT, LACKING),
    Column("raw", [b"\0", b"", None], (), BYTES, np.array([False, False, True])),
    Column("tensor", np.arange(12, dtype=np.int64).reshape(3, 2, 2), (2, 2), metadata={"unit": "m"}),
    Column("words", list("abcdef"), (2,), TEXT),
    Column("ragged", np.arange(3.0), (-1,), sizes=[(2,), (0,), (1,)]),
    Column("wide", np.arange(6.0), (-1, 2), sizes=[(2, 2), (0, 2), (1, 2)]),
    Column("tall", np.arange(6.0), (2, -1), sizes=[(2, 2), (2, 0), (2, 1)]),
]
ROWS = {
    "nan": ["nan", float("inf"), -0.0],
    "bits": [True, False, True],
    "text": ["a", None, "ü€"],
    "raw": [b"\0", b"", None],
    "tensor": [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [10, 11]]],
    "words": [["a", "b"], ["c", "d"], ["e", "f"]],
    "ragged": [[0.0, 1.0], [], [2.0]],
    "wide": [[[0.0, 1.0], [2.0, 3.0]], [], [[4.0, 5.0]]],
    "tall": [[[0.0, 1.0], [2.0, 3.0]], [[], []], [[4.0], [5.0]]],
}


def test_every_kind_of_column_is_read_by_pyarrow() -> None:
    table = pa.ipc.open_stream(stream_of(COLUMNS, 3, {"id": "ü", "empty": ""})).read_all()
    table.validate(full=True)
    assert table.column_names == [column.name for column in COLUMNS]
    assert table.schema.metadata == {b"id": "ü".encode(), b"empty": b""}
    assert table.schema.field("tensor").metadata == {b"unit": b"m"}
    for column in COLUMNS:
        expected = ROWS.get(column.name, [0, 1, 2])
        assert plain(table.column(column.name).to_pylist()) == expected, column.name
    assert [str(table.schema.field(name).type) for name in ("uint16", "float16")] == ["uint16", "halffloat"]
    assert np.signbit(table.column("nan").to_numpy()[2])


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_and_so_do_we(column: Column) -> None:
    stream = open_stream(stream_of([column], 3, {}), 1 << 16)
    (found,) = stream.read(lambda count: None)
    assert plain(found) == ROWS.get(column.name, [0, 1, 2])


def test_no_columns_and_no_rows() -> None:
    assert pa.ipc.open_stream(stream_of([], 3, {})).read_all().num_columns == 0
    empty = stream_of([Column("x", np.array([], np.float32)), Column("t", [], (), TEXT)], 0, {})
    assert pa.ipc.open_stream(empty).read_all().num_rows == 0
