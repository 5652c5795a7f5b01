"""Schemas that were made to cost more than they are long."""

from typing import Any

import pyarrow as pa
import pytest

from mlserve.arrow.building import Byte, Int, Short, built
from mlserve.arrow.kinds import FIXED_SIZE_LIST, INT
from mlserve.arrow.schema import SCHEMA, plan_of
from mlserve.errors import Unreadable, UnsupportedMediaType

NUMBER = {0: "x", 2: Byte(INT), 3: {0: Int(8), 1: Byte(1)}, 5: []}


def message(fields: list[Any], **more: Any) -> bytes:
    return built({1: Byte(SCHEMA), 2: {1: fields, **more.get("schema", {})}})


def test_a_schema_of_ours_is_one() -> None:
    (column,) = plan_of(message([NUMBER])).columns
    assert (column.name, column.kind) == ("x", "int8")


def test_lists_in_lists_have_an_end() -> None:
    field: Any = NUMBER
    for _ in range(50):
        field = {0: "x", 2: Byte(FIXED_SIZE_LIST), 3: {0: Int(2)}, 5: [field]}
    with pytest.raises(Unreadable, match="nested too deep"):
        plan_of(message([field]))


def test_so_have_fields() -> None:
    with pytest.raises(Unreadable, match="20,000 fields"):
        plan_of(message([NUMBER] * 20_001))


def test_one_long_name_is_not_that_of_many_columns() -> None:
    """What refers to one text many times: each field's name leads to the last one's."""
    plain = message([*[{**NUMBER, 0: f"name{at}"} for at in range(50)], {**NUMBER, 0: "x" * 3000}])
    data = bytearray(plain)
    long = plain.find(b"x" * 3000) - 4
    for at in range(50):
        text = plain.find(f"name{at}\0".encode()) - 4
        place = next(p for p in range(0, text, 4) if p + int.from_bytes(plain[p : p + 4], "little") == text)
        data[place : place + 4] = (long - place).to_bytes(4, "little")
    assert len(plan_of(plain).columns) == 51
    with pytest.raises(Unreadable, match="more names"):
        plan_of(bytes(data))


def test_a_list_of_two_types_and_a_size_below_0_are_damage() -> None:
    for about, children in (({0: Int(2)}, [NUMBER, NUMBER]), ({0: Int(-1)}, [NUMBER])):
        with pytest.raises(Unreadable, match="damaged"):
            plan_of(message([{0: "x", 2: Byte(FIXED_SIZE_LIST), 3: about, 5: children}]))


def test_numbers_of_other_machines_are_refused() -> None:
    swapped = pa.schema([("x", pa.int8())]).serialize().to_pybytes()[8:]
    assert plan_of(swapped).columns[0].name == "x"
    with pytest.raises(UnsupportedMediaType, match="little-endian"):
        plan_of(message([NUMBER], schema={0: Short(1)}))
