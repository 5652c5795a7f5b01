"""What a block tells is what the JSON text would have told."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlserve.signature import Batch, Decoder, Field, Signature, StoredInputs
from mlserve.signature.blocks import block_json, deflated, read_block
from tests.unit.signature import strategies
from tests.unit.signature.blocks.samples import ROWS, SIGNATURE, STORED, TEXT, block, put_together, taken_apart
from tests.unit.signature.pictures import base64_of, file_of, noise


def same(stored: StoredInputs, batch: Batch) -> None:
    found = stored.block(batch)
    assert (found is None) == all(field.keep == "omit" for field in batch.signature.inputs)
    for kept in [found, deflated(*found)] if found else []:
        assert block_json(read_block(*kept)) == stored.encode(batch)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_block_is_read_as_the_json_text_to_the_letter(data: st.DataObject) -> None:
    drawn = data.draw(strategies.signatures())
    keep = st.sampled_from(["full", "full", "hash", "omit"])
    signature = Signature(tuple(replace(field, keep=data.draw(keep)) for field in drawn.inputs), drawn.outputs)
    rows = data.draw(strategies.rows(signature, good=True))
    batch = Decoder(signature, max_instances=10, max_problems=10).decode(strategies.positional_text(rows), None)
    stored = StoredInputs(signature)
    same(stored, batch)
    same(stored, Batch.from_columns(signature, {name: batch.values(name) for name in signature.names}))


def test_every_kind_of_column() -> None:
    assert block_json(read_block(block(), "columns-1")) == TEXT
    for row in ROWS:
        same(STORED, Batch.from_rows(SIGNATURE, [row]))


def test_batches_of_arrays() -> None:
    plain = Signature(
        (
            Field("a", "float32", nullable=True),
            Field("b", "float64"),
            Field("c", "int32"),
            Field("d", "float16", shape=(2,)),
        ),
        (),
    )
    rng = np.random.default_rng(0)
    columns = {
        "a": np.where(rng.random(50) < 0.2, np.nan, rng.standard_normal(50)),
        "b": rng.standard_normal(50),
        "c": rng.integers(-(2**31), 2**31, 50),
        "d": rng.standard_normal((50, 2)),
    }
    same(StoredInputs(plain), Batch.from_columns(plain, columns))
    varying = Signature((Field("v", "int8", shape=(-1, 3)), Field("w", "string", shape=(-1, -1))), ())
    arrays = [np.zeros((2, 3), np.int8), np.zeros((0, 3), np.int8), np.ones((1, 3), np.int8)]
    same(StoredInputs(varying), Batch.from_columns(varying, {"v": arrays, "w": [[["a"], ["b"]], [[], []], []]}))


def test_pictures_are_kept_as_their_files() -> None:
    signature = Signature((Field("seen", "image", shape=(2, 2, 3)), Field("own", "image", nullable=True)), ())
    one, other = (json.dumps(base64_of(file_of(noise(*size)))) for size in ((2, 2), (5, 3)))
    body = strategies.positional_text([[one, "null"], [other, one]])
    same(StoredInputs(signature), Decoder(signature, max_instances=10, max_problems=10).decode(body, None))


@pytest.mark.parametrize("count", [2, 256, 257, 70_000])
def test_codes_are_as_wide_as_their_categories_need(count: int) -> None:
    names = tuple(map(str, range(count)))
    signature = Signature((Field("c", "category", categories=names, nullable=True),), ())
    rows = [(names[-1],), (None,), (names[0],)] * 100
    same(StoredInputs(signature), Batch.from_rows(signature, rows))
    every = Batch.from_rows(signature, [(name,) for name in names])
    same(StoredInputs(signature), every)
    head, values = taken_apart((StoredInputs(signature).block(every) or (b"", ""))[0])
    width = 1 if count <= 256 else 2 if count <= 65536 else 4
    assert head["fields"][0]["buffers"] == {"values": count * width}
    assert int.from_bytes(values[(count - 1) * width : count * width], "little") == count - 1


def test_a_block_that_no_record_takes_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = Signature((Field("x", "float32"),), ())
    batch = Batch.from_rows(signature, [(1.0,)] * 200)
    size = len((StoredInputs(signature).block(batch) or (b"", ""))[0])
    for most, fits in ((size, True), (size - 1, False)):
        monkeypatch.setattr("mlserve.signature.stored.LARGEST_WRITTEN", most)
        assert (StoredInputs(signature).block(batch) is not None) == fits


def test_nothing_is_kept() -> None:
    signature = Signature((Field("secret", "float32", keep="omit"),), ())
    assert StoredInputs(signature).block(Batch.from_rows(signature, [(1.0,)] * 200)) is None


def test_the_layout_is_what_the_reference_says() -> None:
    signature = Signature((Field("x", "float32", nullable=True), Field("s", "string", nullable=True)), ())
    found = StoredInputs(signature).block(Batch.from_rows(signature, [(1.5, "é"), (None, None), (2.0, "b")]))
    head = {
        "n": 3,
        "fields": [
            {"name": "x", "type": "float32", "buffers": {"values": 12}},
            {"name": "s", "type": "string", "buffers": {"missing": 1, "offsets": 16, "values": 3}},
        ],
    }
    buffers = [
        struct.pack("<3f4x", 1.5, float("nan"), 2.0),
        b"\x02".ljust(8, b"\0"),
        struct.pack("<4I", 0, 2, 2, 3),
        "éb".encode().ljust(8, b"\0"),
    ]
    assert found == (put_together(head, b"".join(buffers)), "columns-1")
