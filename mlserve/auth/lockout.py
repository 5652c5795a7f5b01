"""Locks out whoever fails to log in again and again: by address, and by the name that was tried, in this process.

A user's own failures are counted in the database too (`users.failed`), for all processes. Names that no user has are
counted here like all others, so that a lock does not tell which names exist.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

# The oldest give way; whoever has so many addresses is stopped by the count of the name.
_MOST = 10_000


class _Tries(NamedTuple):
    failures: int
    until: float  # locked, or counted, until then


class Lockout:
    """After `most` failures a subject is locked for `lock` seconds; failures are forgotten after as long."""

    def __init__(self, most: int, lock: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = lock
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def locked(self, *subjects: str) -> int | None:
        """Seconds until none of them is locked; None if none is."""
        now = self._clock()
        with self._lock:
            ends = [
                tries.until
                for tries in map(self._tries.get, subjects)
                if tries is not None and tries.failures >= self._most and tries.until > now
            ]
        return math.ceil(max(ends) - now) if ends else None

    def failed(self, *subjects: str) -> None:
        now = self._clock()
        with self._lock:
            for subject in subjects:
                tries = self._tries.pop(subject, None)
                failures = tries.failures if tries is not None and tries.until > now else 0
                self._tries[subject] = _Tries(failures + 1, now + self._seconds)
            while len(self._tries) > _MOST:
                self._tries.popitem(last=False)

    def succeeded(self, *subjects: str) -> None:
        with self._lock:
            for subject in subjects:
                self._tries.pop(subject, None)
