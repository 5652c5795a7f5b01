"""Streams that pyarrow writes, and every type that is read."""

import io
from typing import Any

import numpy as np
import pyarrow as pa

TYPES: dict[str, Any] = {
    "bits": pa.array([True, None, False, True, None]),
    "i1": pa.array([1, -2, 3, None, 127], pa.int8()),
    "u8": pa.array([1, 2, 2**64 - 1, 0, 5], pa.uint64()),
    "f2": pa.array(np.array([0.1, 1, 2, 3, np.inf], np.float16)),
    "f4": pa.array([0.1, None, float("nan"), 4, 5], pa.float32()),
    "f8": pa.array([0.1, 2, 3, 4, 5]),
    "text": pa.array(["a", "ü€", None, "", "long enough to be no view"]),
    "wide": pa.array(["a", "b", None, "", "c"], pa.large_string()),
    "view": pa.array(["a", None, "twelve bytes", "thirteen byte", ""], pa.string_view()),
    "raw": pa.array([b"\xff", None, b"", b"a\0", b"b"]),
    "raw_view": pa.array([b"\xff" * 20, None, b"", b"a", b"b"], pa.binary_view()),
    "fixed": pa.array([b"ab", None, b"\0\0", b"cd", b"ef"], pa.binary(2)),
    "coded": pa.array(["red", None, "blue", "red", "red"]).dictionary_encode(),
    "coded_numbers": pa.array([5, None, 7, 5, 5], pa.int32()).dictionary_encode(),
    "nothing": pa.nulls(5),
    "pairs": pa.array([[1, 2], [3, 4], [5, 6], [7, 8], [9, 0]], pa.list_(pa.float32(), 2)),
    "gaps": pa.array([[1, 2], None, [5, None], [7, 8], [9, 0]], pa.list_(pa.int16(), 2)),
    "deep": pa.array([[[1, 2], [3, 4]]] * 5, pa.list_(pa.list_(pa.int64(), 2), 2)),
    "words": pa.array([["a", "b"], ["c", None], ["", "d"], ["e", "f"], ["g", "h"]], pa.list_(pa.string(), 2)),
    "even": pa.array([[1, 2], [3, 4], [5, 6], [7, 8], [9, 0]], pa.list_(pa.float64())),
    "ragged": pa.array([[1], [], None, [2, 3], [4]], pa.large_list(pa.int8())),
}


def written(table: Any, rows: int | None = None, **options: Any) -> bytes:
    """The stream of a table, in record batches of `rows`."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue()


def plain(value: Any) -> Any:
    """A column of ours as Python values, to be compared with pyarrow's."""
    if isinstance(value, np.ma.MaskedArray | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(item) for item in value]
    return "nan" if value != value else value
