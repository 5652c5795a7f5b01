"""Answers that are sent piece by piece: each holds a thread until its client has taken the last one."""

from collections.abc import Iterable, Iterator
from typing import Any

from mlserve.server.workers.refusal import StartResponse, Wsgi

# So many at once in a worker.
STREAMS = 64


class Streams:
    """Of one worker; `refuse` answers in the place of one too many."""

    def __init__(self, refuse: Wsgi) -> None:
        self._refuse = refuse
        self._open: set[int] = set()  # by id, since a set changes in one step

    @property
    def is_crowded(self) -> bool:
        return 2 * len(self._open) > STREAMS

    def counted(
        self, answer: Iterable[bytes], environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """The same answer, for which the application has called `start_response` already, or a refusal."""
        streamed = _Streamed(answer, self._open)
        if len(self._open) <= STREAMS:
            return streamed
        streamed.close()
        return self._refuse(environ, _instead(start_response))


class _Streamed:
    """Is counted until it is closed, or nobody has it any more."""

    def __init__(self, answer: Iterable[bytes], together: set[int]) -> None:
        self._answer = answer
        self._pieces = iter(answer)
        self._together = together
        together.add(id(self))

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._together.discard(id(self))
        close = getattr(self._answer, "close", None)
        if close is not None:
            close()

    def __del__(self) -> None:
        self._together.discard(id(self))


def _instead(start_response: StartResponse) -> StartResponse:
    """For an answer in the place of one that was begun, of which nothing was sent (PEP 3333 wants a reason)."""

    def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, headers, exc_info or (None, None, None))

    return started
