"""What waitress does around the application for each request, in fewer steps where it comes to the same."""

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.proxy_headers import PROXY_HEADERS
from waitress.task import WSGITask, rename_headers
from waitress.utilities import build_http_date

# What waitress adds by itself, or makes something of.
_ITS_OWN = frozenset({"connection", "date", "server"})
_PROXY_KEYS = frozenset(f"HTTP_{name}" for name in PROXY_HEADERS)

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


class ShortTask(WSGITask):
    """A request that the loop answers: its environ is a copy of the connection's with what the request adds, and the
    head of its answer is written as the application gave it.
    """

    def get_environment(self) -> dict[str, Any]:
        channel, request = self.channel, self.request
        if channel.server.adj.url_prefix:  # The loop's paths begin with one slash; only a prefix has to be taken off.
            whole: dict[str, Any] = super().get_environment()
            return whole
        environ: dict[str, Any] = channel.environ.copy()
        environ["REQUEST_METHOD"] = request.command.upper()
        environ["SERVER_PROTOCOL"] = f"HTTP/{self.version}"
        environ["PATH_INFO"] = request.path
        environ["REQUEST_URI"] = request.request_uri
        environ["QUERY_STRING"] = request.query
        environ["wsgi.url_scheme"] = request.url_scheme
        environ["wsgi.input"] = request.get_body_stream()
        environ["waitress.client_disconnected"] = channel.check_client_disconnected
        for name, value in request.headers.items():
            environ[rename_headers.get(name) or "HTTP_" + name] = value
        self.environ = environ
        return environ

    def build_response_header(self) -> bytes:
        """As waitress's, but for the headers' order, where the length is known and the connection stays open."""
        headers, length = self.response_headers, self.content_length
        names = {name.lower() for name, _ in headers}
        usual = self.version == "1.1" and not self.request.connection_close and length is not None and self.has_body
        if not usual or not names.isdisjoint(_ITS_OWN):
            head: bytes = super().build_response_header()
            return head
        lines = [f"HTTP/1.1 {self.status}", *[f"{name}: {value}" for name, value in headers]]
        if "content-length" not in names:
            lines.append(f"Content-Length: {length}")
        if ident := self.channel.server.adj.ident:
            lines.append(f"Server: {ident}")
        lines.append(f"Date: {_date(int(self.start_time))}\r\n\r\n")
        return "\r\n".join(lines).encode("latin-1")


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """The time as HTTP writes it; the same for all answers of a second."""
    text: str = build_http_date(second)
    return text


def environ_of(channel: Any) -> dict[str, Any]:
    """The part of the environ that all requests of a connection share, as waitress makes it."""
    server = channel.server
    host, port = channel.addr[:2]
    return {
        "REMOTE_ADDR": host,
        "REMOTE_HOST": host,
        "REMOTE_PORT": str(port),
        "SERVER_PORT": str(server.effective_port),
        "SERVER_NAME": server.server_name,
        "SERVER_SOFTWARE": server.adj.ident,
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": ReadOnlyFileBasedBuffer,
        "wsgi.input_terminated": True,
    }


def without_proxies(application: Application, clearing: Application) -> Application:
    """The application itself for requests that tell nothing of proxies; `clearing` takes away what the others tell."""

    def called(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        chosen = application if _PROXY_KEYS.isdisjoint(environ) else clearing
        return chosen(environ, start_response)

    return called
