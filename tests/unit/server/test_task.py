"""Our task against waitress's: the same head of every answer, in whatever order."""

from itertools import product
from typing import Any

import pytest
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask

from mlserve.server.task import ShortTask

HEADERS: list[list[tuple[str, str]]] = [
    [],
    [("Content-Type", "application/json"), ("Content-Length", "2")],
    [("content-length", "2"), ("X-Request-Id", "a"), ("x-twice", "1"), ("x-twice", "2")],
    [("Content-Length", "2"), ("date", "then")],
    [("Content-Length", "2"), ("Server", "ours")],
    [("Content-Length", "2"), ("Connection", "close")],
]
REQUESTS = [
    b"POST /a HTTP/1.1\r\n\r\n",
    b"POST /a HTTP/1.1\r\nConnection: close\r\n\r\n",
    b"POST /a HTTP/1.0\r\n\r\n",
    b"POST /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
]
STATUSES = ["200 OK", "422 Unprocessable Entity", "204 No Content", "304 Not Modified"]


class Server:
    def __init__(self, ident: str) -> None:
        self.adj = Adjustments(ident=ident)


class Channel:
    def __init__(self, ident: str) -> None:
        self.server = Server(ident)


@pytest.mark.parametrize(("headers", "request_head"), list(product(HEADERS, REQUESTS)))
@pytest.mark.parametrize("ident", ["waitress", ""])
@pytest.mark.parametrize("length", [None, 2])
@pytest.mark.parametrize("status", STATUSES)
def test_the_head_is_waitress_own(
    headers: list[tuple[str, str]], request_head: bytes, ident: str, length: int | None, status: str
) -> None:
    ours, close = head_of(ShortTask, headers, request_head, ident, length, status)
    expected, expected_close = head_of(WSGITask, headers, request_head, ident, length, status)
    assert ours[0] == expected[0]
    assert sorted(map(canonical, ours[1:])) == sorted(map(canonical, expected[1:]))
    assert close == expected_close


def head_of(
    kind: type[WSGITask],
    headers: list[tuple[str, str]],
    request_head: bytes,
    ident: str,
    length: int | None,
    status: str,
) -> tuple[list[str], bool]:
    """The lines of the head, and whether the connection ends with the answer."""
    parser = HTTPRequestParser(Adjustments())
    parser.received(request_head)
    task: Any = kind(Channel(ident), parser)
    task.status, task.response_headers, task.content_length, task.start_time = status, list(headers), length, 1e9 + 0.7
    head = task.build_response_header().decode("latin-1")
    assert head.endswith("\r\n\r\n")
    return head[:-4].split("\r\n"), task.close_on_finish


def canonical(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.lower(), value
