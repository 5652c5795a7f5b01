"""Our parser of requests against waitress's: the same of every head, whether it is new or known."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from mlserve.server.parser import LARGEST, MOST_HEADS, Parser

ADJ = Adjustments(max_request_body_size=100, max_request_header_size=4000)
BODY = b"0123456789"

lines = st.sampled_from(
    [
        b"Host: h",
        b"Content-Length: 10",
        b"Content-Length: 3",
        b"Content-Length: 200",
        b"Content-Length: x",
        b"content-type:application/json",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Expect: 100-continue",
        b"A: 1",
        b"A: \x85 2",
        b"With_underscore: 1",
        b"Bad line",
        b" folded: 1",
        b"",
    ]
)
firsts = st.sampled_from(
    [
        b"POST /a/b HTTP/1.1",
        b"GET /a%20b?c=d#e HTTP/1.1",
        b"GET http://h/a HTTP/1.0",
        b"POST //a HTTP/1.1",
        b"",
        b"nonsense",
    ]
)


def requests() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda first, rest, body: b"\r\n".join([first, *rest]) + b"\r\n\r\n" + body,
        firsts,
        st.lists(lines, max_size=5),
        st.sampled_from([b"", BODY, BODY * 3, b"3\r\nabc\r\n0\r\n\r\n"]),
    )


def parsed(parser: HTTPRequestParser, data: bytes) -> dict[str, Any]:
    """All that is known of a request, and what was left of the data."""
    while data and not parser.completed:
        data = data[parser.received(data) :]
    error = parser.error and (type(parser.error), str(parser.error.body))
    body = parser.get_body_stream().read()
    apart = ("adj", "_known", "_registrations", "body_rcv", "error")
    return {name: value for name, value in vars(parser).items() if name not in apart} | {
        "error": error,
        "body": body,
        "left": data,
    }


@given(data=requests())
@example(data=b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n" + BODY)
@example(data=b"POST /a HTTP/1.1\r\nA: " + b"a" * LARGEST + b"\r\n\r\n")
@example(data=b"POST /a HTTP/1.1\r\nA: " + b"a" * 5000 + b"\r\n\r\n")
def test_new_and_known_heads_say_what_waitress_reads(data: bytes) -> None:
    known: dict[bytes, Any] = {}
    expected = parsed(HTTPRequestParser(ADJ), data)
    assert parsed(Parser(ADJ, known), data) == expected
    assert parsed(Parser(ADJ, known), data) == expected


def test_what_one_request_does_to_its_headers_the_next_does_not_see() -> None:
    known: dict[bytes, Any] = {}
    data = b"POST /a HTTP/1.1\r\nA: 1\r\nContent-Length: 10\r\n\r\n" + BODY
    for _ in range(3):
        parser = Parser(ADJ, known)
        assert parsed(parser, data)["headers"] == {"A": "1", "CONTENT_LENGTH": "10"}
        parser.headers["B"] = "2"
    assert len(known) == 1


def test_the_body_is_the_requests_own() -> None:
    known: dict[bytes, Any] = {}
    head = b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n"
    bodies = [b"%010d" % number for number in range(5)]
    parsers = [Parser(ADJ, known) for _ in bodies]
    found = [parsed(parser, head + body)["body"] for parser, body in zip(parsers, bodies, strict=True)]
    assert found == bodies


@pytest.mark.parametrize("length", [1, LARGEST * 2])
def test_what_is_remembered_is_bounded(length: int) -> None:
    known: dict[bytes, Any] = {}
    for number in range(2 * MOST_HEADS + 10):
        parsed(Parser(ADJ, known), b"GET /%d HTTP/1.1\r\nA: %s\r\n\r\n" % (number, b"a" * length))
    assert len(known) <= MOST_HEADS
    assert sum(map(len, known)) <= MOST_HEADS * LARGEST
