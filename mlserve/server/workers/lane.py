"""The lane for slow work: what takes long is handed over to a worker of a second group, and its answer passed on.

A request travels whole as the body of another one, over a socket that only the supervisor's processes can reach: so
client, scheme, path and headers arrive as they came.
"""

import io
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from mlserve.server.workers.refusal import StartResponse, Wsgi
from mlserve.server.workers.section import Section

# What of a WSGI environment is the request, beside its headers.
_REQUEST = {
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH"),
    *("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT"),
    "wsgi.url_scheme",
}
# What whoever has asked is told, where a slow worker has taken a request and does not answer it.
LOST = (
    "The process that computed this has not answered, but may have kept the prediction; "
    "send an Idempotency-Key, with which it can be sent again."
)
# Headers of the way between the two workers, and those that the server of the first one writes itself.
_OF_THE_WAY = {"connection", "keep-alive", "transfer-encoding", "date", "server"}
_PIECE = 65536
# An answer of this size is taken over in one piece.
_WHOLE = 1024 * 1024


class Lane:
    """The way to the slow workers behind the socket `path`.

    `refuse` answers where they are gone, or have no room; `lose` where one had the request, and does not answer.
    """

    def __init__(self, path: str, section: Section, refuse: Wsgi, lose: Wsgi) -> None:
        self._path = path
        self._patience = section.request_timeout
        self._refuse = refuse
        self._lose = lose
        self._places = threading.BoundedSemaphore(section.threads + section.waiting)

    def __call__(self, environ: dict[str, Any], body: bytes, start_response: StartResponse) -> Iterable[bytes]:
        if not self._places.acquire(blocking=False):
            return self._refuse(environ, start_response)
        connection = _Connection(self._path, self._patience)
        instead = self._refuse
        try:
            connection.connect()
            instead = self._lose
            connection.request("POST", "/", _packed(environ, body))
            answer = connection.getresponse()
            start: tuple[str, list[tuple[str, str]]] = (
                f"{answer.status} {answer.reason}",
                [(name, value) for name, value in answer.getheaders() if name.lower() not in _OF_THE_WAY],
            )
            if answer.length is None or answer.length > _WHOLE:
                start_response(*start)
                return _pieces(connection, answer)
            whole = answer.read()
        except (OSError, HTTPException):  # It was killed, takes too long, or there is none.
            connection.close()
            return instead(environ, start_response)
        finally:
            self._places.release()
        connection.close()
        start_response(*start)
        return [whole]


def arriving(app: Wsgi) -> Wsgi:
    """Around the gate of a slow worker: takes each request out of the one that it has travelled in."""

    def arrived(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        around = {key: value for key, value in environ.items() if key not in _REQUEST and not key.startswith("HTTP_")}
        packed: bytes = environ["wsgi.input"].read()
        size = 4 + int.from_bytes(packed[:4])
        request = {**around, **json.loads(packed[4:size]), "wsgi.input": io.BytesIO(packed[size:])}
        return app(request, start_response)

    return arrived


def _packed(environ: dict[str, Any], body: bytes) -> bytes:
    """The length of the head, the head as JSON, and the body."""
    request = {key: value for key, value in environ.items() if key in _REQUEST or key.startswith("HTTP_")}
    head = json.dumps(request).encode()
    return len(head).to_bytes(4) + head + body


def _pieces(connection: HTTPConnection, answer: HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := answer.read(_PIECE):
            yield piece
    finally:
        connection.close()


class _Connection(HTTPConnection):
    """Over a socket of this machine."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("lane", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
