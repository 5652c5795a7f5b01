"""Spares a server's threads while the database is away, and tells the log when it goes and when it comes back."""

import logging
import math
import threading
import time
from collections.abc import Callable

from mlserve.db.failures import UNUSABLE, first_line
from mlserve.errors import DatabaseUnavailable

log = logging.getLogger("mlserve.database")
# Where nobody has set up logging (a command line verb), Python would print the bare name of the event.
log.addHandler(logging.NullHandler())


class Breaker:
    """After the database was lost, everything fails at once for `pause` seconds; then one thread at a time asks."""

    def __init__(self, pause: float = 1.0) -> None:
        self._pause = pause
        self._lock = threading.Lock()
        self._closed_until: float | None = None  # time.monotonic(); infinite while one thread asks
        self._well = True

    def check(self, ask: Callable[[], None]) -> None:
        """Nothing, while the database is there. Raises DatabaseUnavailable at once, or what `ask` raises."""
        if self._closed_until is None:
            return
        with self._lock:
            if self._closed_until is None:
                return
            if time.monotonic() < self._closed_until:
                raise DatabaseUnavailable(UNUSABLE, retry_after=1)
            self._closed_until = math.inf
        closed_until: float | None = math.inf
        try:
            ask()
            closed_until = None
        finally:
            with self._lock:
                self._closed_until = closed_until and time.monotonic() + self._pause

    def failed(self, problem: DatabaseUnavailable, cause: Exception, *, lost: bool) -> None:
        """The database could not be used; `lost`: it cannot be reached, or it does not answer."""
        with self._lock:
            if lost:
                self._closed_until = max(self._closed_until or 0.0, time.monotonic() + self._pause)
            told, self._well = not self._well, False
        if not told:
            log.warning("database_failed", extra={"fields": {"problem": str(problem), "reason": first_line(cause)}})

    def succeeded(self) -> None:
        if self._well:
            return
        with self._lock:
            told, self._well = self._well, True
        if not told:
            log.info("database_back")
