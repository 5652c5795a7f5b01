"""Nothing in a block is believed: it is read, or Damaged says what is wrong with it."""

import copy
import random
import tracemalloc
from typing import Any

import numpy as np
import pytest

from mlserve.signature.blocks import Damaged, block_json, read_block
from tests.unit.signature.blocks.samples import BATCH, SIGNATURE, TEXT, block, put_together, taken_apart

HEAD, BUFFERS = taken_apart(block())
NUMBERS = [0, -1, 1, 2, 3, 8, 24, 2**31, 2**32 - 1, 2**63, 1.5, None, "x"]


def read(head: Any, buffers: bytes = BUFFERS) -> bytes:
    return block_json(read_block(put_together(head, buffers), "columns-1"))


def test_the_columns_are_those_of_the_batch() -> None:
    found = {column.head.name: column.column() for column in read_block(block(), "columns-1").fields}
    assert list(found) == [field.name for field in SIGNATURE.inputs if field.keep != "omit"]
    for name in ("half", "wind", "exact", "id", "small", "big", "flag", "place", "note", "grid"):
        array, mask = BATCH.column(name)
        assert found[name][0].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name][0], array, err_msg=name)
        assert found[name][1].tolist() == mask.tolist(), name
    assert [None if array is None else array.tolist() for array in found["path"][0]] == [
        array.tolist() for array in BATCH.column("path")[0]
    ]
    assert [value.tolist() for value in found["files"][0]] == [[b"\0\xff", b""], [], [b"abc"]]
    assert found["names"][0].shape == (3, 2, 1)
    assert found["name"][0][0].startswith("sha256:")
    assert found["name"][1].tolist() == [False, True, False]


def test_a_header_with_its_names_in_another_order_is_read() -> None:
    turned = {"fields": [dict(reversed(field.items())) for field in HEAD["fields"]], "n": 3, "more": [1]}
    assert read(turned) == TEXT


def changed(**fields: Any) -> Any:
    """The header with some keys of the field `note` changed; `buffers` adds to its own."""
    head = copy.deepcopy(HEAD)
    note = next(field for field in head["fields"] if field["name"] == "note")
    note["buffers"].update(fields.pop("buffers", {}))
    note.update(fields)
    return head


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({**HEAD, "n": 2**40}, "instances"),
        ({**HEAD, "n": 0}, "instances"),
        ({**HEAD, "fields": []}, "its header tells of"),
        ({"n": 3}, "header cannot be read"),
        (changed(type="float65"), "header cannot be read"),
        (changed(shape=[0]), "its shape"),
        (changed(shape=[2**40]), "its shape"),
        (changed(shape=[2] * 33), "its shape"),
        (changed(shape=[2**20] * 30), "must have"),
        (changed(type="float64"), "must have 24 bytes"),
        (changed(categories=["a"]), "categories where there are no codes"),
        (changed(type="category"), "has no categories"),
        (changed(buffers={"offsets": -8}), "not in the block"),
        (changed(buffers={"offsets": 2**60}), "not in the block"),
        (changed(buffers={"values": 2**20}), "not in the block"),
    ],
)
def test_lies_in_the_header_are_told(head: Any, said: str) -> None:
    with pytest.raises(Damaged, match=said):
        read(head)


@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ({"type": "string", "buffers": {"offsets": 8, "values": 2}}, [[1, 2], b"ab"], "do not rise"),
        ({"type": "string", "buffers": {"offsets": 8, "values": 2}}, [[0, 2], b"\xff\xff"], "not UTF-8"),
        ({"type": "category", "categories": ["a"], "buffers": {"values": 1}}, [b"\1"], "code without a category"),
        (
            {"type": "int8", "shape": [-1, -1], "buffers": {"sizes": 8, "values": 0}},
            [[2**32 - 1, 0], b""],
            "more values",
        ),
        ({"type": "int8", "shape": [-1] * 32, "buffers": {"sizes": 128}}, [[2**32 - 1] * 32], "more values"),
    ],
)
def test_lies_in_the_buffers_are_told(field: Any, values: list[Any], said: str) -> None:
    parts = [value if isinstance(value, bytes) else np.array(value, "<u4").tobytes() for value in values]
    buffers = b"".join(part.ljust(-(-len(part) // 8) * 8, b"\0") for part in parts)
    with pytest.raises(Damaged, match=said):
        read({"n": 1, "fields": [{"name": "f", **field}]}, buffers)


@pytest.mark.parametrize("size", [0, 3, 4, 50, len(block()) - 1])
def test_a_block_that_is_cut_off_is_told(size: int) -> None:
    with pytest.raises(Damaged):
        read_block(block()[:size], "columns-1")


def test_what_would_become_endless_text_is_not_made() -> None:
    n = 1_000_000
    field = {"name": "f", "type": "category", "categories": ["x" * 100_000], "buffers": {"values": n}}
    made = put_together({"n": n, "fields": [field]}, bytes(n))
    tracemalloc.start()
    try:
        with pytest.raises(Damaged, match="bytes of JSON"):
            block_json(read_block(made, "columns-1"))
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_any_damage_is_read_or_told() -> None:
    chance = random.Random(7)
    told = 0
    for _ in range(3000):
        made = damaged(chance)
        try:
            block_json(read_block(made, "columns-1"))
        except Damaged:
            told += 1
    assert 1500 < told < 3000


def damaged(chance: random.Random) -> bytes:
    """A block with a few lies in its header, a few bytes changed, or both."""
    head, buffers = copy.deepcopy(HEAD), bytearray(BUFFERS)
    for _ in range(chance.randint(0, 2)):
        field = chance.choice(head["fields"])
        match chance.randrange(6):
            case 0:
                head["n"] = chance.choice(NUMBERS)
            case 1:
                field["type"] = chance.choice(
                    ["float32", "int8", "uint64", "bool", "category", "text", "bytes", "image"]
                )
            case 2:
                field["shape"] = [chance.choice(NUMBERS) for _ in range(chance.randint(0, 3))]
            case 3:
                field["keep"] = chance.choice(["hash", "omit", "full"])
            case 4:
                field["categories"] = chance.choice([None, [], ["a"], ["a"] * 300])
            case _ if field.get("buffers"):
                field["buffers"][chance.choice(list(field["buffers"]))] = chance.choice(NUMBERS)
    for _ in range(chance.randint(0, 2)):
        buffers[chance.randrange(len(buffers))] = chance.randrange(256)
    return put_together(head, bytes(buffers))
