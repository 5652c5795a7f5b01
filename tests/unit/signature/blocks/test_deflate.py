"""zlib where it is worth it, and never more memory than a block may have."""

import os
import zlib

import pytest

from mlserve.signature.blocks.deflate import deflated, plain
from mlserve.signature.blocks.layout import DEFLATED, LARGEST, PLAIN, Damaged


@pytest.mark.parametrize("block", [b"ab" * 40_000, b"x", b"", os.urandom(40_000) + bytes(60_000)], ids=len)
def test_what_was_deflated_comes_back(block: bytes) -> None:
    made, encoding = deflated(block, PLAIN)
    assert plain(made, encoding) == block
    assert len(made) <= len(block)


def test_what_zlib_cannot_make_smaller_stays_as_it_is() -> None:
    block = os.urandom(100_000)
    assert deflated(block, PLAIN) == (block, PLAIN)


def test_what_is_deflated_already_stays_as_it_is() -> None:
    once = deflated(bytes(1000), PLAIN)
    assert once[1] == DEFLATED
    assert deflated(*once) == once


def stream(size: int, content: bytes) -> bytes:
    return size.to_bytes(8, "little") + zlib.compress(content)


@pytest.mark.parametrize(
    ("block", "encoding", "said"),
    [
        (b"", "columns-2", "'columns-2' is not known"),
        (b"", DEFLATED, "not of the size"),
        (stream(3, b"abc")[:-1], DEFLATED, "not of the size"),
        (stream(3, b"abc") + b"d", DEFLATED, "not of the size"),
        (stream(2, b"abc"), DEFLATED, "not of the size"),
        (stream(4, b"abc"), DEFLATED, "not of the size"),
        (stream(10, bytes(50_000_000)), DEFLATED, "not of the size"),
        (stream(LARGEST + 1, b"abc"), DEFLATED, "at most"),
        (stream(3, b"abc").replace(b"x", b"y"), DEFLATED, "no zlib stream"),
    ],
)
def test_lies_are_told(block: bytes, encoding: str, said: str) -> None:
    with pytest.raises(Damaged, match=said):
        plain(block, encoding)
