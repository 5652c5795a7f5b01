"""What the hot path measures with: labelled timings, in one look-up a call."""

from bisect import bisect_left
from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

# The values of the labels, in the order of the metric's labels; their text is made when they are read.
Labels = tuple[Any, ...]


class Timed(NamedTuple):
    """One series at one instant: how many took as long as each bucket, the last above all bounds; seconds; amount."""

    labels: Labels
    counts: list[int]
    seconds: float
    amount: int


class Timings:
    """Counts, by labels, of what any thread has done: how long it took, and how much it was.

    A list a series, with two places more than there are buckets: the nanoseconds and the amount. `bounds` are in
    seconds.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = [round(bound * 1e9) for bound in bounds]
        self._lock = Lock()
        self._series: dict[Labels, list[int]] = {}

    def add(self, labels: Labels, nanoseconds: int, amount: int = 0) -> None:
        place = bisect_left(self._bounds, nanoseconds)
        with self._lock:
            series = self._series.get(labels) or self._begin(labels)
            series[place] += 1
            series[-2] += nanoseconds
            series[-1] += amount

    def expect(self, labels: Labels) -> None:
        """Let the series begin at 0: Prometheus sees no increase in a series that begins at 1."""
        with self._lock:
            self._begin(labels)

    def read(self) -> list[Timed]:
        """All series."""
        with self._lock:
            found = [(labels, series.copy()) for labels, series in self._series.items()]
        return [Timed(labels, series[:-2], series[-2] / 1e9, series[-1]) for labels, series in found]

    def _begin(self, labels: Labels) -> list[int]:
        return self._series.setdefault(labels, [0] * (len(self._bounds) + 3))
