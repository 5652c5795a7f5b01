"""Over a real socket, with the standard library's WSGI server at its other end."""

import io
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler

import pytest

from mlserve.server.workers.lane import Lane, arriving
from mlserve.server.workers.section import Section


class Handler(WSGIRequestHandler):
    """Of `app`, which a subclass brings; where there is none, it says nothing."""

    app: Any

    def address_string(self) -> str:
        return "lane"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def get_environ(self) -> dict[str, Any]:
        return {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": self.path,
            "HTTP_HOST": "lane",
            "SERVER_PROTOCOL": "HTTP/1.1",
        }

    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if self.parse_request() and self.app is not None:
            body = io.BytesIO(self.rfile.read(int(self.headers["Content-Length"])))
            handler = ServerHandler(body, self.wfile, io.StringIO(), self.get_environ(), multithread=True)
            handler.request_handler = self
            handler.run(self.app)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Any], str]]:
    servers: list[socketserver.UnixStreamServer] = []

    def start(app: Any) -> str:
        path = str(tmp_path / "lane")
        server = socketserver.UnixStreamServer(path, type("AppHandler", (Handler,), {"app": app and staticmethod(app)}))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return path

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def saying(sentence: bytes) -> Callable[..., Iterable[bytes]]:
    def refuse(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("503 Service Unavailable", [])
        return [sentence]

    return refuse


def lane(path: str) -> Lane:
    return Lane(path, Section(), saying(b"busy"), saying(b"lost"))


def ask(path: str, environ: dict[str, Any], body: bytes) -> tuple[str, dict[str, str], bytes]:
    said: list[Any] = []
    answer = lane(path)(environ, body, lambda status, headers: said.extend((status, headers)))
    return said[0], dict(said[1]), b"".join(answer)


def test_a_request_arrives_as_it_came(serve: Callable[[Any], str]) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/models/\xe4\u20ac/%2F",
        "QUERY_STRING": "a=1&b=%20",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_HOST": "192.0.2.7",
        "wsgi.url_scheme": "https",
        "CONTENT_TYPE": "text/csv",
        "CONTENT_LENGTH": "5",
        "HTTP_HOST": "example.org:81",
        "HTTP_AUTHORIZATION": "Bearer \xfc",
    }
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read())
        start_response("201 Created", [("X-Model", "m"), ("Content-Length", "4")])
        return [b"done"]

    status, headers, answer = ask(serve(arriving(app)), {**environ, "wsgi.multiprocess": True}, b"a,b\n\0")
    assert (status, answer) == ("201 Created", b"done")
    assert headers == {"X-Model": "m", "Content-Length": "4"}
    assert {key: seen[key] for key in environ} == environ
    assert seen["body"] == b"a,b\n\0"
    assert not {key for key in seen if key.startswith("HTTP_")} - environ.keys(), "headers of the way arrive"


def test_a_large_answer_is_passed_on_in_pieces(serve: Callable[[Any], str]) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return iter([b"x" * 100_000] * 20)

    said: list[Any] = []
    pieces = lane(serve(arriving(app)))({}, b"", lambda *start: said.extend(start))
    assert not isinstance(pieces, list)
    assert sum(map(len, pieces)) == 2_000_000


def test_where_nobody_is_there_it_is_busy(serve: Callable[[Any], str], tmp_path: Path) -> None:
    assert ask(str(tmp_path / "nobody"), {}, b"")[2] == b"busy"


def test_where_it_ends_without_an_answer_the_prediction_may_have_been_kept(serve: Callable[[Any], str]) -> None:
    """As where it is killed: the connection closes."""
    assert ask(serve(None), {}, b"")[2] == b"lost"
