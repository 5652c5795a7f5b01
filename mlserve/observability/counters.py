"""Counts of what happened in this process: fallbacks, drops, poisoned records."""

from threading import Lock


class Counters:
    """Named counts that any thread may add to. They start at 0 with the process and only grow."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}

    def add(self, name: str, n: int = 1) -> None:
        """Add `n` (at least 0) to the count of that name; ValueError for a negative `n`."""
        if n < 0:
            raise ValueError(f"a count only grows, but {name} was asked to change by {n}")
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + n

    def read(self) -> dict[str, int]:
        """A copy of all counts, taken at one instant."""
        with self._lock:
            return dict(self._counts)
