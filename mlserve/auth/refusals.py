"""Refused calls, as events: few of each caller, and few in all, so that nobody can fill the disk by being refused."""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from mlserve import events
from mlserve.events import Author, kinds
from mlserve.observability.counters import Counters

WINDOW = 60.0  # seconds
# So many callers get an event of their own in a window; the others share one that counts them.
MOST = 20
# While the database is down, so many wait.
_MOST_WAITING = 200


class Refusal(NamedTuple):
    actor: str
    reason: str
    model: str | None
    told: Mapping[str, Any]
    request_id: str | None
    at: datetime


class Refusals:
    """Counts every refusal, and keeps one event of each caller a minute until the directory's thread writes it."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._lock = threading.Lock()
        self._begun = 0.0
        self._actors: set[str] = set()
        self._others = 0
        self._waiting: list[Refusal] = []

    @property
    def waiting(self) -> bool:
        return bool(self._waiting) or (self._others > 0 and time.monotonic() - self._begun >= WINDOW)

    def note(self, refusal: Refusal) -> None:
        self._counters.add("calls_refused")
        with self._lock:
            now = time.monotonic()
            if now - self._begun >= WINDOW:
                self._close_window(now)
            if refusal.actor in self._actors:
                return
            if len(self._actors) >= MOST:
                self._others += 1
            else:
                self._actors.add(refusal.actor)
                self._keep(refusal)

    def record(self, connection: Connection) -> list[Refusal]:
        """Write down what waits; `forget` it once that is committed."""
        with self._lock:
            if time.monotonic() - self._begun >= WINDOW:
                self._close_window(time.monotonic())
            waiting = list(self._waiting)
        for refusal in waiting:
            events.record(
                connection,
                kinds.CALL_REFUSED,
                Author(refusal.actor, refusal.reason, refusal.request_id),
                model=refusal.model,
                after=dict(refusal.told),
                at=refusal.at,
            )
        return waiting

    def forget(self, recorded: list[Refusal]) -> None:
        with self._lock:
            self._waiting = [refusal for refusal in self._waiting if refusal not in recorded]

    def _close_window(self, now: float) -> None:
        if self._others:
            told = {"refused": self._others}
            self._keep(Refusal("", "other callers in the minute before", None, told, None, datetime.now(UTC)))
        self._begun, self._others = now, 0
        self._actors = set()

    def _keep(self, refusal: Refusal) -> None:
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(refusal)
