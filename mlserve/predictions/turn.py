"""One long work of a kind at a time: the other threads of the process are for answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mlserve.errors import Busy

# How many seconds one request waits for another's work.
PATIENCE = 2.0


class Turn:
    """Lets one in, and one wait for it; whoever comes then is refused at once, so that two threads at most are held."""

    def __init__(self, busy: str, patience: float = PATIENCE) -> None:
        """`busy` is the sentence for whoever is refused."""
        self._busy = busy
        self._patience = patience
        self._room = threading.Semaphore(2)
        self._running = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Raises Busy."""
        busy = Busy(self._busy, retry_after=2)
        if not self._room.acquire(blocking=False):
            raise busy
        try:
            if not self._running.acquire(timeout=self._patience):
                raise busy
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._room.release()
