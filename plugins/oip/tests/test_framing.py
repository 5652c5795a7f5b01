"""The bytes behind the JSON: whatever they are, they are elements to the last byte, or refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.errors import Unreadable
from mlserve_oip.datatypes import NUMBERS
from mlserve_oip.framing import Malformed, binary, elements, json_length, numbers

DATATYPES = sorted(NUMBERS)


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_elements_of_bytes_come_back(values: list[bytes]) -> None:
    assert elements(memoryview(binary("BYTES", values)), len(values)) == values


@given(st.binary(max_size=40), st.integers(0, 2**40))
def test_any_bytes_are_so_many_elements_or_refused(raw: bytes, count: int) -> None:
    try:
        found = elements(memoryview(raw), count)
    except Malformed:
        return
    assert len(found) == count
    assert binary("BYTES", found) == raw


@given(st.sampled_from(DATATYPES), st.binary(max_size=64), st.lists(st.integers(0, 5), min_size=1, max_size=3))
def test_any_bytes_are_an_array_of_the_shape_or_refused(datatype: str, raw: bytes, shape: list[int]) -> None:
    try:
        array = numbers(memoryview(raw), datatype, shape)
    except Malformed:
        size = int(np.prod(shape)) * NUMBERS[datatype].itemsize
        assert size != len(raw) or (datatype == "BOOL" and max(raw) > 1)
        return
    assert array.shape == tuple(shape)
    assert binary(datatype, array) == raw


@pytest.mark.parametrize("header", ["", "-1", "+1", "1.0", "0x1", "١", "1 2", "nan", "9" * 19, "11", "10,10"])
def test_a_length_of_the_json_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(Unreadable):
        json_length(header, 10)


def test_the_length_of_the_json() -> None:
    assert json_length(None, 10) == 10
    assert json_length("0", 10) == 0
    assert json_length(" 10 ", 10) == 10


def test_numbers_are_little_endian() -> None:
    assert numbers(memoryview(b"\x01\x00\x00\x00"), "INT32", [1]).tolist() == [1]
    assert binary("UINT16", np.array([258])) == b"\x02\x01"
