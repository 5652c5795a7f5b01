"""Streams that pyarrow writes are read as pyarrow reads them; whatever is no stream is refused, at a bounded price."""

import random
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlserve.arrow import open_stream
from mlserve.errors import MlserveError, TooLarge, Unreadable, UnsupportedMediaType
from tests.unit.arrow.streams import TYPES, plain, written

ROOM = 1 << 20
ALL = pa.table(TYPES)


def few(count: int) -> None:
    if count > 1000:
        raise TooLarge("more than 1,000 rows")


def read(data: bytes, room: int = ROOM) -> dict[str, Any]:
    stream = open_stream(data, room)
    return dict(zip([column.name for column in stream.columns], stream.read(few), strict=True))


@pytest.mark.parametrize("rows", [None, 1, 2])
def test_every_type_is_read_as_pyarrow_reads_it(rows: int | None) -> None:
    found = read(written(ALL, rows))
    for name, column in TYPES.items():
        assert plain(found[name]) == plain(column.to_pylist()), name


def test_a_slice_of_a_table_is_read_from_where_it_begins() -> None:
    found = read(written(ALL.slice(1, 3)))
    for name, column in TYPES.items():
        assert plain(found[name]) == plain(column.slice(1, 3).to_pylist()), name


def test_a_table_without_rows_has_none() -> None:
    assert all(len(column) == 0 for column in read(written(ALL.slice(0, 0))).values())
    assert read(written(ALL.schema.empty_table())) == {name: [] for name in TYPES}  # and no record batch at all


def test_numbers_are_not_copied() -> None:
    data = written(pa.table({"x": np.arange(1000.0)}))
    column = read(data)["x"]
    assert np.shares_memory(column, np.frombuffer(data, np.uint8))
    assert not column.flags.writeable


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([1], pa.timestamp("s")), "timestamp"),
        (pa.array([{"a": 1}]), "struct"),
        (pa.array([[1]], pa.list_view(pa.int8())), "list_view"),
        (pa.array([1], pa.decimal128(4, 2)), "decimal"),
    ],
)
def test_a_type_that_is_not_read_is_named(column: Any, kind: str) -> None:
    (found,) = open_stream(written(pa.table({"x": column})), ROOM).columns
    assert (found.name, found.kind, found.reader) == ("x", kind, None)


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_buffers_are_refused_unread(codec: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="without compression"):
        read(written(ALL, compression=codec))


def test_dictionaries_in_pieces_are_refused() -> None:
    second = pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), ["a", "b"])
    pieces = [pa.array(["a"]).dictionary_encode(), second]
    table = pa.table({"x": pa.chunked_array(pieces)})
    with pytest.raises(Unreadable, match="in pieces"):
        read(written(table, emit_dictionary_deltas=True))
    assert read(written(table)) == {"x": ["a", "b"]}  # Each batch has its own.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no end"),
        (b"ARROW1\0\0", "Arrow file"),
        (b'{"instances": []}', "does not begin where it should"),
        (b"\xff\xff\xff\xff\0\0\0\0", "does not begin with a schema"),
        (written(ALL)[:-8], "no end"),
        (written(ALL)[:-1], "no end"),
        (written(ALL)[:-100], "ends within a message"),
        (written(ALL) + b"\0", "goes on after its end"),
        (written(ALL)[: len(written(ALL.schema.empty_table())) - 9], "cut off|ends within"),
    ],
)
def test_what_is_no_whole_stream_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(data)


def test_rows_are_counted_before_they_are_read() -> None:
    with pytest.raises(TooLarge, match="rows"):
        read(written(pa.table({"x": pa.nulls(1001)})))
    with pytest.raises(TooLarge, match="rows"):
        read(written(pa.table({"x": pa.nulls(1001)}), rows=10))


def test_endless_messages_are_refused() -> None:
    empty = written(pa.table({"x": [1]}))
    schema = written(pa.table({"x": [1]}).schema.empty_table())[:-8]
    batch = empty[len(schema) : -8]
    with pytest.raises(TooLarge, match="messages"):
        open_stream(schema + batch * 3000 + empty[-8:], ROOM).read(lambda count: None)


@pytest.mark.parametrize(
    "column",
    [
        pa.DictionaryArray.from_arrays(pa.array([0] * 900, pa.int8()), ["x" * 10_000]),
        pa.array([True] * 900 * 8_000).cast(pa.bool_()),
        pa.array([[True] * 80_000] * 20, pa.list_(pa.bool_(), 80_000)),
    ],
    ids=["texts", "bits", "lists"],
)
def test_few_bytes_do_not_become_many(column: Any) -> None:
    data = written(pa.table({"x": column}))
    assert len(data) < ROOM
    with pytest.raises(TooLarge):
        read(data)


def test_views_that_show_the_same_bytes_are_counted_each() -> None:
    data = bytearray(written(pa.table({"x": pa.array(["y" * 8000] * 900, pa.string_view())})))
    view = struct.pack("<i4s", 8000, b"yyyy")
    at = data.find(view)
    first = data[at : at + 16]
    while (at := data.find(view, at + 16)) >= 0:
        data[at : at + 16] = first
    assert read(bytes(data), 8000 * 900) == {"x": ["y" * 8000] * 900}
    with pytest.raises(TooLarge):
        read(bytes(data), 8000 * 899)


def test_damaged_streams_are_refused_or_read_and_nothing_else() -> None:
    data = written(ALL, rows=2)
    chance = random.Random(1)
    lies = (b"\xff" * 4, b"\xff\xff\xff\x7f", bytes(4), b"\0\0\0\x80", b"\xff" * 7 + b"\x7f", bytes(8))
    refused = 0
    for _ in range(600):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(damaged))
            lie = chance.choice((*lies, bytes([chance.randrange(256)])))
            damaged[at : at + len(lie)] = lie
        try:
            read(bytes(damaged))
        except MlserveError:
            refused += 1
    assert refused > 200
