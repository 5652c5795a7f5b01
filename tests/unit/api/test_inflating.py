"""Compressed bodies, up to a limit."""

import gzip
import io
import random
import zlib
from functools import partial
from typing import Any

import pytest

from mlserve.api.inflating import read_inflated
from mlserve.errors import TooLarge, Unreadable, UnsupportedMediaType

# The same each time: a body stands in its test's name.
packed = partial(gzip.compress, mtime=0)


def sent(body: bytes, encoding: str | None = None) -> dict[str, Any]:
    environ = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return environ if encoding is None else environ | {"HTTP_CONTENT_ENCODING": encoding}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"abc", None),
        (b"abc", ""),
        (b"abc", "Identity"),
        (packed(b"abc"), "gzip"),
        (packed(b"a") + packed(b"bc"), "GZIP"),
        (packed(b"abc"), "x-gzip"),
        (zlib.compress(b"abc"), "deflate"),
        (zlib.compress(b"abc", wbits=-15), "deflate"),
    ],
)
def test_a_body_is_as_it_was(body: bytes, encoding: str | None) -> None:
    assert read_inflated(sent(body, encoding), 100) == b"abc"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_of_nothing_nothing_comes(encoding: str) -> None:
    assert read_inflated(sent(b"", encoding), 100) == b""


@pytest.mark.parametrize("encoding", ["br", "gzip, deflate", "compress", "zstd"])
def test_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="gzip or deflate"):
        read_inflated(sent(b"abc", encoding), 100)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"abc", "gzip"),
        (b"abc", "deflate"),
        (packed(b"abc")[:-4], "gzip"),
        (packed(b"abc")[:-1] + b"\1", "gzip"),
        (packed(b"abc") + b"more", "gzip"),
        (zlib.compress(b"abc")[:-1], "deflate"),
        (zlib.compress(b"abc") + b"more", "deflate"),
        (packed(b"abc"), "deflate"),
    ],
)
def test_what_is_not_what_it_says_cannot_be_read(body: bytes, encoding: str) -> None:
    with pytest.raises(Unreadable):
        read_inflated(sent(body, encoding), 100)


def test_neither_form_has_more_bytes_than_the_limit() -> None:
    assert len(read_inflated(sent(packed(bytes(1000)), "gzip"), 1000)) == 1000
    for body, encoding in (
        (packed(bytes(1001)), "gzip"),
        (packed(bytes(600)) * 2, "gzip"),
        (zlib.compress(bytes(1001)), "deflate"),
        (packed(bytes(100_000_000), compresslevel=9)[:900], "gzip"),
        (bytes(1001), "gzip"),
    ):
        with pytest.raises(TooLarge, match="1,000 bytes"):
            read_inflated(sent(body, encoding), 1000)


def test_many_small_members_cost_no_more_than_their_bytes() -> None:
    body = packed(b"") * 999 + packed(bytes(range(256)) * 4_000, compresslevel=0)
    assert len(read_inflated(sent(body, "gzip"), 2_000_000)) == 1_024_000
    with pytest.raises(Unreadable, match="more than 1,000 gzip members"):
        read_inflated(sent(packed(b"") * 1001, "gzip"), 100_000)


def test_a_large_member_is_read_piece_by_piece() -> None:
    raw = random.Random(5).randbytes(100_000)
    assert read_inflated(sent(packed(raw) + packed(b"abc") + packed(raw), "gzip"), 300_000) == raw + b"abc" + raw
    assert read_inflated(sent(zlib.compress(raw), "deflate"), 200_000) == raw
