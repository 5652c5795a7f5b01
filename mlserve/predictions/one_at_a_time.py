"""One long work of a kind at a time: the other threads of the process are for answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mlserve.errors import Busy
from mlserve.turns import Turns

# How many seconds one request waits for another's work.
PATIENCE = 2.0


class OneAtATime:
    """Lets one in, and one wait for it; whoever comes then is refused at once, so that two threads at most are held.

    Nobody waits for it with a turn to compute: it is left meanwhile, and taken back once this is had.
    """

    def __init__(self, busy: str, turns: Turns | None = None, *, patience: float = PATIENCE) -> None:
        """`busy` is the sentence for whoever is refused."""
        self._busy = busy
        self._turns = turns or Turns()
        self._patience = patience
        self._room = threading.Semaphore(2)
        self._running = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Raises Busy."""
        if not self._room.acquire(blocking=False):
            raise self._refusal
        try:
            self._wait()
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._room.release()

    def _wait(self) -> None:
        if self._running.acquire(blocking=False):
            return
        had = False
        try:
            with self._turns.aside():
                had = self._running.acquire(timeout=self._patience)
                if not had:
                    raise self._refusal
        except Busy:
            if had:  # The turn did not come back in time.
                self._running.release()
            raise

    @property
    def _refusal(self) -> Busy:
        return Busy(self._busy, retry_after=2)
