"""What people with SQL read of a block."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlserve.inputs import Damaged, read_columns, read_inputs
from mlserve.signature import Batch, Field, Signature, StoredInputs
from mlserve.signature.blocks import deflated

SIGNATURE = Signature((Field("x", "float32", nullable=True), Field("place", "category", categories=("a", "b"))), ())
ROWS = [(0.1, "b"), (None, "a")] * 100


def blocks() -> list[tuple[bytes, str]]:
    found = StoredInputs(SIGNATURE).block(Batch.from_rows(SIGNATURE, ROWS))
    assert found is not None
    small = deflated(*found)
    assert small[1] != found[1]
    return [found, small]


@pytest.mark.parametrize("kind", [bytes, memoryview, bytearray])
def test_a_block_is_read_as_dicts_and_as_columns(kind: type) -> None:
    for block, encoding in blocks():
        assert read_inputs(kind(block), encoding) == [{"x": x, "place": place} for x, place in ROWS]
        columns = read_columns(kind(block), encoding)
        array, missing = columns["x"]
        assert array.dtype == np.float32
        assert array[::2].tolist() == [np.float32(0.1)] * 100
        assert missing.tolist() == [False, True] * 100
        assert columns["place"][0].tolist() == ["b", "a"] * 100


def test_what_is_no_block_is_told() -> None:
    for read in (read_inputs, read_columns):
        with pytest.raises(Damaged):
            read(b"{}", "columns-1")
        with pytest.raises(ValueError, match="'json' is not known"):
            read(b"{}", "json")


def test_reading_needs_no_server() -> None:
    code = "import sys, mlserve.inputs; sys.exit(bool({'pyramid', 'sqlalchemy', 'webob'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("read", [read_inputs, read_columns])
def test_what_is_no_block_is_told_in_a_sentence(read: Callable[[Any, Any], object]) -> None:
    with pytest.raises(Damaged, match=r"^This prediction has no block: its inputs are JSON, in column inputs\.$"):
        read(None, None)
    for swapped in (("columns-1", b"1234"), ("columns-1", None), (None, "columns-1"), (5, "columns-1")):
        with pytest.raises(Damaged, match="give the columns inputs_block and encoding, in this order"):
            read(*swapped)
