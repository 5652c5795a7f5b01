"""The gate of a worker: what computes passes it in turn, what is too much is told so at once.

Threads of one interpreter that compute side by side only take it from each other; so one prediction after the other
is computed, and the others wait. What asks the database or reads a file waits for those, and goes by the side.
"""

import io
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from mlserve.server.workers.section import Section

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_BUSY = (
    b'{"type":"urn:mlserve:problem:busy","title":"Service Unavailable","status":503,"code":"busy",'
    b'"detail":"Too many requests wait for this server; try again."}'
)
_BUSY_HEADERS = [
    ("Content-Type", "application/problem+json"),
    ("Content-Length", str(len(_BUSY))),
    ("Retry-After", "1"),
]
_FAREWELL = ("Connection", "close")
# The ends of the paths that compute, ours and those of the protocols; what else is asked is not.
_COMPUTING = ("/predictions", "/explanations", "/infer", ":predict", ":explain", "/invocations")


class Gate:
    """Around a WSGI application, whose bodies have `limit` bytes at most."""

    def __init__(self, app: Wsgi, section: Section, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._most = section.threads + section.waiting
        self._patience = section.patience
        self._turns = threading.Lock() if section.threads == 1 else threading.BoundedSemaphore(section.threads)
        # By thread, since a set changes in one step.
        self._reading: set[int] = set()
        self._inside: set[int] = set()
        self._computing: dict[int, float] = {}  # since when
        self._leaving = False

    @property
    def is_crowded(self) -> bool:
        """Whether many threads wait for bodies."""
        return 2 * len(self._reading) > self._most

    @property
    def longest(self) -> float:
        """For how many seconds the oldest request that is computed has been."""
        return time.monotonic() - min([*self._computing.values()], default=time.monotonic())

    def say_farewell(self) -> None:
        """From now on each answer ends its connection."""
        self._leaving = True

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.multiprocess"] = True
        if self._leaving:
            start_response = _closing(start_response)
        if environ["REQUEST_METHOD"] != "POST" or not environ["PATH_INFO"].endswith(_COMPUTING):
            return self._app(environ, start_response)
        if len(self._inside) >= self._most:
            return _busy(start_response)
        thread = threading.get_ident()
        # A client that sends slowly must not hold the turn meanwhile.
        self._reading.add(thread)
        try:
            # One byte too many is for the application to refuse.
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(self._limit + 1))
        finally:
            self._reading.discard(thread)
        self._inside.add(thread)
        try:
            if not self._turns.acquire(timeout=self._patience):
                return _busy(start_response)
            self._computing[thread] = time.monotonic()
            try:
                return self._app(environ, start_response)
            finally:
                del self._computing[thread]
                self._turns.release()
        finally:
            self._inside.discard(thread)


def _busy(start_response: StartResponse) -> list[bytes]:
    start_response("503 Service Unavailable", _BUSY_HEADERS.copy())
    return [_BUSY]


def _closing(start_response: StartResponse) -> StartResponse:
    def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, [*headers, _FAREWELL], exc_info)

    return started
