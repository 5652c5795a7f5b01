"""The gate of a worker: what is decided of a request before the application sees it.

Whoever computes has its turn to (`mlserve.turns`), which the application takes itself, whatever the address. The gate
takes the same turn earlier for the addresses that it knows, since Pyramid's own work in several threads at once would
fight for the interpreter too. It reads bodies before, hands what takes long over, and refuses what finds no room.
"""

import io
import threading
from collections.abc import Callable, Iterable
from typing import Any

from mlserve.errors import Busy
from mlserve.server.workers.refusal import StartResponse, Wsgi
from mlserve.server.workers.section import Section
from mlserve.turns import Turns

# So many bodies may be on their way at once. A thread that waits for one costs little else.
READERS = 256
_FAREWELL = ("Connection", "close")
# The ends of the paths that compute, ours and those of the protocols. One that is missing has its turn later, within
# the application, and no lane.
COMPUTING = ("/predictions", "/explanations", "/infer", ":predict", ":explain", "/invocations", "/invoke")
# Those that take long, whatever the body, by method. Without a lane they take their turn when they have what they need:
# most of them ask the database first.
LONG = {"POST": ("/explanations", ":explain", "/reproduction"), "GET": ("/explanation",)}

# Hands a request with its body over to a slow worker, and answers with its answer.
HandOver = Callable[[dict[str, Any], bytes, StartResponse], Iterable[bytes]]


class Gate:
    """Around a WSGI application, whose bodies have `limit` bytes at most; `refuse` answers what finds no room.

    What takes long goes to `lane`, where there is one. `turns` are the application's.
    """

    def __init__(
        self, app: Wsgi, refuse: Wsgi, turns: Turns, section: Section, limit: int, lane: HandOver | None = None
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._turns = turns
        self._limit = limit
        self._lane = lane
        self._long_from = section.slow_from
        self._seen: dict[str, tuple[str, ...]] = {"POST": COMPUTING}
        if lane is not None:
            self._seen = {"POST": COMPUTING + LONG["POST"], "GET": LONG["GET"]}
        self._reading: set[int] = set()  # by thread, since a set changes in one step
        self._leaving = False

    @property
    def is_crowded(self) -> bool:
        """Whether many threads wait for bodies."""
        return 2 * len(self._reading) > READERS

    def say_farewell(self) -> None:
        """From now on each answer ends its connection."""
        self._leaving = True

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.multiprocess"] = True
        if self._leaving:
            start_response = _closing(start_response)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if not path.endswith(self._seen.get(method, ())):
            return self._app(environ, start_response)
        if self._turns.is_full:  # Before its body is read; who comes in time to read it may find too many later.
            return self._refuse(environ, start_response)
        body = self._read(environ)
        if body is None:
            return self._refuse(environ, start_response)
        if self._lane is not None and (len(body) >= self._long_from or path.endswith(LONG[method])):
            return self._lane(environ, body, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            with self._turns.taken():
                return self._app(environ, start_response)
        except Busy:  # Of our turn: the application answers its own.
            return self._refuse(environ, start_response)

    def _read(self, environ: dict[str, Any]) -> bytes | None:
        """The body; None where too many others are read. Who sends slowly must not hold the turn meanwhile."""
        thread = threading.get_ident()
        self._reading.add(thread)
        try:
            if len(self._reading) > READERS:
                return None
            # One byte too many is for the application to refuse.
            body: bytes = environ["wsgi.input"].read(self._limit + 1)
        finally:
            self._reading.discard(thread)
        return body


def _closing(start_response: StartResponse) -> StartResponse:
    def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, [*headers, _FAREWELL], exc_info)

    return started
