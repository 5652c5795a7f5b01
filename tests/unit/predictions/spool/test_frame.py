"""A frame is told from a torn, damaged or forged one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.errors import TooLarge
from mlserve.predictions.spool import frame as frames
from mlserve.predictions.spool.frame import HEADER_SIZE, LARGEST, frame, length_at, payload_at
from mlserve.signature.blocks.layout import LARGEST_WRITTEN


@given(st.binary(min_size=1, max_size=300), st.binary(max_size=40), st.binary(max_size=40))
def test_a_frame_gives_its_payload_back_wherever_it_stands(payload: bytes, before: bytes, behind: bytes) -> None:
    data = before + frame(payload) + behind
    assert payload_at(data, len(before)) == payload
    assert length_at(data, len(before)) == HEADER_SIZE + len(payload)


@given(st.binary(min_size=1, max_size=100), st.data())
def test_no_beginning_of_a_frame_is_taken_for_a_whole_one(payload: bytes, data: st.DataObject) -> None:
    whole = frame(payload)
    assert payload_at(whole[: data.draw(st.integers(0, len(whole) - 1))], 0) is None


@given(st.binary(min_size=1, max_size=100), st.data())
def test_a_changed_byte_of_the_payload_is_noticed(payload: bytes, data: st.DataObject) -> None:
    whole = bytearray(frame(payload))
    place = data.draw(st.integers(HEADER_SIZE, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    assert payload_at(bytes(whole), 0) is None


def test_zeros_left_by_a_crash_are_no_frames() -> None:
    assert payload_at(bytes(64), 0) is None
    assert length_at(bytes(64), 0) is None


def test_nothing_and_too_much_cannot_be_framed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="0 bytes"):
        frame(b"")
    monkeypatch.setattr(frames, "LARGEST", 9)
    assert payload_at(frame(b"x" * 9), 0) == b"x" * 9
    with pytest.raises(TooLarge, match="10 bytes"):
        frame(b"x" * 10)


def test_a_frame_takes_the_largest_block_in_base64() -> None:
    assert (LARGEST_WRITTEN + 2) // 3 * 4 < LARGEST


def test_json_text_cannot_hold_the_header_of_a_frame() -> None:
    # The length ends in a control character, whatever it is, and JSON text has none.
    assert LARGEST.to_bytes(4, "little")[3] < 0x20
    assert all(byte >= 0x20 for byte in json.dumps(frame(b"{}").decode("latin-1")).encode())
