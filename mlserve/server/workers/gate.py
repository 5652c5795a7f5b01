"""The gate of a worker: what computes passes it in turn, what is too much is told so at once.

Threads of one interpreter that compute side by side only take it from each other; so one prediction after the other
is computed, and the others wait. What asks the database or reads a file waits for those, and goes by the side; a
prediction that is computed and waits to be kept gives its turn up (`mlserve.turns`).
"""

import io
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from mlserve import turns
from mlserve.server.workers.refusal import StartResponse, Wsgi
from mlserve.server.workers.section import Section

# So many bodies may be on their way at once. A thread that waits for one costs little else.
READERS = 256
_FAREWELL = ("Connection", "close")
# The ends of the paths that compute, ours and those of the protocols; what else is asked is not.
_COMPUTING = ("/predictions", "/explanations", "/infer", ":predict", ":explain", "/invocations")
# Those that take long, whatever the body. Without a lane a reproduction goes by the side, since it asks the database.
_LONG = ("/explanations", ":explain", "/reproduction")

# Hands a request with its body over to a slow worker, and answers with its answer.
HandOver = Callable[[dict[str, Any], bytes, StartResponse], Iterable[bytes]]


class Gate:
    """Around a WSGI application, whose bodies have `limit` bytes at most; `refuse` answers what finds no room.

    What takes long goes to `lane`, where there is one.
    """

    def __init__(self, app: Wsgi, refuse: Wsgi, section: Section, limit: int, lane: HandOver | None = None) -> None:
        self._app = app
        self._refuse = refuse
        self._limit = limit
        self._lane = lane
        self._long_from = section.slow_from
        self._most = section.threads + section.waiting
        self._patience = section.patience
        self._turns = threading.Lock() if section.threads == 1 else threading.BoundedSemaphore(section.threads)
        self._seen = _COMPUTING if lane is None else _COMPUTING + _LONG
        # By thread, since a set changes in one step.
        self._reading: set[int] = set()
        self._inside: set[int] = set()
        self._computing: dict[int, float] = {}  # since when
        self._leaving = False

    @property
    def is_crowded(self) -> bool:
        """Whether many threads wait for bodies."""
        return 2 * len(self._reading) > READERS

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
        if environ["REQUEST_METHOD"] != "POST" or not environ["PATH_INFO"].endswith(self._seen):
            return self._app(environ, start_response)
        if len(self._inside) >= self._most or len(self._reading) >= READERS:
            return self._refuse(environ, start_response)
        body = self._read(environ)
        if self._lane is not None and (len(body) >= self._long_from or environ["PATH_INFO"].endswith(_LONG)):
            return self._lane(environ, body, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        return self._pass(environ, start_response)

    def _read(self, environ: dict[str, Any]) -> bytes:
        """The body. A client that sends slowly must not hold the turn meanwhile."""
        thread = threading.get_ident()
        self._reading.add(thread)
        try:
            # One byte too many is for the application to refuse.
            body: bytes = environ["wsgi.input"].read(self._limit + 1)
        finally:
            self._reading.discard(thread)
        return body

    def _pass(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        thread = threading.get_ident()
        self._inside.add(thread)
        try:
            if not self._turns.acquire(timeout=self._patience):
                return self._refuse(environ, start_response)
            self._computing[thread] = time.monotonic()
            turns.take(self._end_turn)
            try:
                return self._app(environ, start_response)
            finally:
                turns.leave()  # Where it has not been left on the way, to wait for a disk or a database.
        finally:
            self._inside.discard(thread)

    def _end_turn(self) -> None:
        del self._computing[threading.get_ident()]
        self._turns.release()


def _closing(start_response: StartResponse) -> StartResponse:
    def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, [*headers, _FAREWELL], exc_info)

    return started
