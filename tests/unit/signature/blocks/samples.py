"""A Batch of every kind of column, some of its values missing."""

import struct
from typing import Any

import msgspec

from mlserve.signature import Batch, Field, Signature, StoredInputs
from mlserve.signature.blocks import PLAIN
from mlserve.signature.blocks.layout import padding

SIGNATURE = Signature(
    (
        Field("half", "float16"),
        Field("wind", "float32", nullable=True),
        Field("exact", "float64", nullable=True),
        Field("id", "int64", nullable=True),
        Field("small", "uint8", nullable=True),
        Field("big", "uint64"),
        Field("flag", "bool", nullable=True),
        Field("place", "category", categories=("x", "é"), unknown="native", nullable=True),
        Field("note", "string", nullable=True),
        Field("grid", "float16", shape=(2,), nullable=True),
        Field("path", "float32", shape=(-1, 2)),
        Field("files", "bytes", shape=(-1,)),
        Field("names", "text", shape=(2, 1), nullable=True),
        Field("kinds", "category", shape=(-1,), categories=("a", "b")),
        Field("name", "string", keep="hash", nullable=True),
        Field("secret", "int8", keep="omit"),
    ),
    (),
)
ROWS: list[tuple[Any, ...]] = [
    (0.1, 0.1, -0.0, 2**63 - 1, 255, 2**64 - 1, True, "x", 'é\x1f"✈', [0.1, -0.0],
     [[0.1, 1e-45], [3.4028234663852886e38, -0.0]], [b"\0\xff", b""], [["q"], [""]], ["a", "b", "a"], "z", 1),
    (-0.0, None, None, None, None, 0, None, None, None, None, [], [], None, [], None, 1),
    (65504.0, 16777216.0, 5e-324, -(2**63), 0, 2**53 + 1, False, "new", "", [0.0, 2.0], [[1.0, 2.0]],
     [b"abc"], [["\U0001f600"], ["b"]], ["b"], "w", 1),
]  # fmt: skip

STORED = StoredInputs(SIGNATURE)
BATCH = Batch.from_rows(SIGNATURE, ROWS)
TEXT = STORED.encode(BATCH)


def block() -> bytes:
    found = STORED.block(BATCH)
    assert found is not None
    assert found[1] == PLAIN
    return found[0]


def taken_apart(block: bytes) -> tuple[Any, bytes]:
    """The header's value, and the buffers behind it."""
    end = 4 + struct.unpack_from("<I", block)[0]
    return msgspec.json.decode(block[4:end]), block[end + padding(end) :]


def put_together(head: Any, buffers: bytes) -> bytes:
    text = msgspec.json.encode(head)
    return struct.pack("<I", len(text)) + text + bytes(padding(4 + len(text))) + buffers
