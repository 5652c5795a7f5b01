"""One attempt: a POST to a URL, and what became of it, in words that tell nothing of the URL.

By Python's own client: others write the URL into their logs, and its path may be a secret.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from mlserve._version import __version__
from mlserve.webhooks.standing import Failure

# No receiver puts a webhook off for longer, in seconds.
LONGEST_ASKED: Final = 24 * 3600.0
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": f"mlserve/{__version__}", "Connection": "close"}


class Poster:
    """Posts to one URL, each time over a new connection: `timeout` seconds for it to be made, sent to and answered.

    Certificates are checked against the system's. No redirect is followed, and no proxy asked.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._parts = urlsplit(url)
        self._target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        self._timeout = timeout
        self._tls = ssl.create_default_context() if self._parts.scheme == "https" else None

    def post(self, body: bytes, headers: dict[str, str]) -> int | Failure:
        """The status where it is one of success."""
        end = time.monotonic() + self._timeout
        with closing(self._connection()) as connection:
            try:
                connection.sock = self._connected(connection.host, connection.port, end)
            except (OSError, UnicodeError) as error:
                return Failure(self._why_unconnected(error))
            with _ended_after(connection.sock, end - time.monotonic()) as ended:
                try:
                    connection.request("POST", self._target, body, {**_HEADERS, **headers})
                    # What it says beside the head is not read, however long it is.
                    outcome = _outcome(connection.getresponse())
                except TimeoutError:
                    return Failure(self._late())
                except (OSError, HTTPException):
                    outcome = Failure("the connection broke")
                # A head that was ended by us is read as if it were whole.
                return Failure(self._late()) if ended.is_set() else outcome

    def _connection(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        return HTTPConnection(host, port) if self._tls is None else HTTPSConnection(host, port, context=self._tls)

    def _connected(self, host: str, port: int, end: float) -> socket.socket:
        """A connection to the first address of the host that takes one. Raises OSError, or UnicodeError for its name.

        Python's own would wait as long again for each address. How long the name takes is the system's: no thread can
        be called back from that.
        """
        sock = _first_of(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), end)
        try:
            # The head and the body are two packets; the second does not wait for word of the first.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock.settimeout(_left(end))
                sock = self._tls.wrap_socket(sock, server_hostname=host)
            sock.settimeout(_left(end))
        except BaseException:
            sock.close()
            raise
        return sock

    def _why_unconnected(self, error: OSError | UnicodeError) -> str:
        match error:
            case ssl.SSLCertVerificationError():
                return "the host's certificate is not trusted"
            case ssl.SSLError():
                return "the host speaks no TLS that is understood"
            case socket.gaierror() | UnicodeError():
                return "the host's name is not known"
            case TimeoutError():
                return self._late()
            case _:
                return "no connection can be made"

    def _late(self) -> str:
        return f"no answer within {self._timeout:g} s"


def _first_of(found: list[tuple[Any, ...]], end: float) -> socket.socket:
    """A connection to one of the addresses; each may take its share of the time that is left. Raises OSError."""
    failure: OSError = TimeoutError()
    for number, (family, kind, protocol, _, address) in enumerate(found):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(end) / (len(found) - number))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def _left(end: float) -> float:
    """Seconds until then, by `time.monotonic`. Raises TimeoutError where there are none."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def _ended_after(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """End a connection after that time, also where it brings a byte now and then; the event says that it was."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        with suppress(OSError):  # It has ended by itself.
            # That of the socket itself: what TLS has in its place must not be changed by another thread.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    finally:
        timer.cancel()
        timer.join()


def _outcome(answer: HTTPResponse) -> int | Failure:
    if 200 <= answer.status < 300:
        return answer.status
    retry_after = answer.getheader("Retry-After") if answer.status in (429, 503) else None
    return Failure(f"HTTP {answer.status}", retry_after=_seconds(retry_after), gone=answer.status == 410)


def _seconds(retry_after: str | None) -> float | None:
    """What `Retry-After` asks for, a number of seconds or a date; None where it asks nothing that can be read."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    try:
        if text.isascii() and text.isdigit():
            seconds = float(text)
        else:
            at = parsedate_to_datetime(text)
            seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_ASKED)
