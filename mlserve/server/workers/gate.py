"""The gate of a worker: what is decided of a request before the application sees it.

Whoever computes has its turn to (`mlserve.turns`), which the application takes itself, whatever the address. The gate
takes the same turn earlier for the addresses that it knows, since Pyramid's own work in several threads at once would
fight for the interpreter too. It reads bodies before, hands what takes long over, and refuses what finds no room.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any

from mlserve.api.inflating import END_UNPROVED, read_inflated
from mlserve.errors import Busy, MlserveError, TooLarge
from mlserve.server.workers.bodies import Bodies, Counted, length_of
from mlserve.server.workers.refusal import StartResponse, Wsgi
from mlserve.server.workers.section import Section
from mlserve.server.workers.streams import Streams
from mlserve.turns import Turns

# An encoded body of this size is large, whatever it holds; a smaller one is looked into.
_ENCODED = 4096
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
        self._bodies = Bodies(limit)
        self._streams = Streams(refuse)
        self._lane = lane
        self._long_from = section.slow_from
        self._seen: dict[str, tuple[str, ...]] = {"POST": COMPUTING}
        if lane is not None:
            self._seen = {"POST": COMPUTING + LONG["POST"], "GET": LONG["GET"]}
        self._leaving = False

    @property
    def is_crowded(self) -> bool:
        """Whether many threads wait for clients: for their bodies, or until they take an answer."""
        return self._bodies.is_crowded or self._streams.is_crowded

    def say_farewell(self) -> None:
        """From now on each answer ends its connection."""
        self._leaving = True

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.multiprocess"] = True
        if self._leaving:
            start_response = _closing(start_response)
        answer = self._answer(environ, start_response)
        # granian sends a list in one piece, and needs no thread for that.
        return answer if type(answer) is list else self._streams.counted(answer, environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if not path.endswith(self._seen.get(method, ())):
            return self._beside(environ, start_response)
        if self._turns.is_full:  # Before its body is read; who comes in time to read it may find too many later.
            return self._refuse(environ, start_response)
        length = length_of(environ)
        if length is None:
            environ[END_UNPROVED] = True  # To granian, chunks that break off have ended.
        elif length > self._bodies.limit:  # The application says so, and reads nothing of it.
            return self._beside(environ, start_response)
        try:
            body, held = self._bodies.whole(environ["wsgi.input"], length)
        except Busy:
            return self._refuse(environ, start_response)
        try:
            return self._compute(environ, body, start_response)
        finally:
            if held:
                self._bodies.leave(held)

    def _compute(self, environ: dict[str, Any], body: bytes, start_response: StartResponse) -> Iterable[bytes]:
        """Who sends slowly must not hold the turn meanwhile: the body is there by now."""
        if self._lane is not None and self._takes_long(environ, body):
            return self._lane(environ, body, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            with self._turns.taken():
                return self._app(environ, start_response)
        except Busy:  # Of our turn: the application answers its own.
            return self._refuse(environ, start_response)

    def _takes_long(self, environ: dict[str, Any], body: bytes) -> bool:
        if len(body) >= self._long_from or environ["PATH_INFO"].endswith(LONG[environ["REQUEST_METHOD"]]):
            return True
        if "HTTP_CONTENT_ENCODING" not in environ:
            return False
        return len(body) >= _ENCODED or _holds(environ, body, self._long_from)

    def _beside(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """What the gate does not know. Its body, if the application reads one, is counted as others are."""
        length = length_of(environ)
        if length == 0:
            return self._app(environ, start_response)
        if length is None:
            environ[END_UNPROVED] = True
        body = environ["wsgi.input"] = Counted(environ["wsgi.input"], self._bodies, length)
        try:
            return self._app(environ, start_response)
        finally:
            body.done()


def _holds(environ: dict[str, Any], body: bytes, size: int) -> bool:
    """Whether an encoded body, which is small, becomes one of that size."""
    sent = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    try:
        read_inflated(sent, size - 1)
    except TooLarge:
        return True
    except MlserveError:  # For the application to refuse.
        pass
    return False


def _closing(start_response: StartResponse) -> StartResponse:
    def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, [*headers, _FAREWELL], exc_info)

    return started
