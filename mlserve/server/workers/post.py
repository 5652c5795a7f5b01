"""A place of the supervisor's that one process at a time holds, and the way from one holder to the next."""

import logging
import time
from collections.abc import Callable

from mlserve.server.workers.child import Child

log = logging.getLogger("mlserve.workers")

# A process that lives for so long was sound; the next that follows it is started at once. In seconds.
SOUND = 10.0
LONGEST_PAUSE = 30.0
# An old process answers each request of a connection with its end, for so long, before it is asked to leave: a client
# that sends its next request into a connection that is just being closed would lose it.
FAREWELL = 1.0


class Post:
    """Holds what runs (`holder`), what is to follow it (`coming`) and what still answers before it leaves.

    `start` starts a process; `start_timeout` and `stop_timeout` are in seconds. Nothing here waits: `tend` is called
    again and again.
    """

    def __init__(self, name: str, start: Callable[[], Child], start_timeout: float, stop_timeout: float) -> None:
        self.name = name
        self.holder: Child | None = None
        self.coming: Child | None = None
        self.failed_start = False  # the last process that was started did not become ready
        self._leaving: list[tuple[Child, float]] = []  # with when to ask
        self._start = start
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._pause = 0.0
        self._next = 0.0
        self.is_wanted = True

    @property
    def children(self) -> list[Child]:
        found = [child for child in (self.holder, self.coming) if child is not None]
        return found + [child for child, _ in self._leaving]

    @property
    def is_filled(self) -> bool:
        return self.holder is not None and self.coming is None

    def set_patience(self, start: float, stop: float) -> None:
        self._start_timeout, self._stop_timeout = start, stop

    def begin(self) -> None:
        """Start a process that is to take the place of the holder, or the empty one."""
        if self.coming is None:
            self.failed_start = False
            self.coming = self._start()

    def leave(self) -> None:
        """Let it be empty from now on."""
        self.is_wanted = False
        for child in (self.holder, self.coming):
            if child is not None:
                self._dismiss(child)
        self.holder = self.coming = None

    def tend(self) -> None:
        """Look at all of them, and do what is due."""
        self._look_at_coming()
        if self.holder is not None and self.holder.hangs and self.holder.status is None:
            log.error("process_hangs", extra={"fields": {"process": self.name, "pid": self.holder.pid}})
            self.holder.kill()
        if self.holder is not None and self.holder.status is not None:
            self._bury(self.holder)
            self.holder = None
        if self.is_wanted and self.holder is None and self.coming is None and time.monotonic() >= self._next:
            self.begin()
        self._look_at_leaving()

    def _look_at_coming(self) -> None:
        child = self.coming
        if child is None:
            return
        if child.ready and child.status is None:
            self.coming, before = None, self.holder
            self.holder = child
            fields = {"process": self.name, "pid": child.pid, "seconds": round(child.age, 2)}
            log.info("process_ready", extra={"fields": fields})
            if before is not None:
                self._dismiss(before)
        elif child.status is not None or child.age > self._start_timeout:
            reason = "it took too long" if child.status is None else f"it ended with status {child.status}"
            child.kill()
            child.close()
            self.coming, self.failed_start = None, True
            self._pause = min(max(self._pause * 2, 0.5), LONGEST_PAUSE)
            self._next = time.monotonic() + self._pause
            fields = {"process": self.name, "pid": child.pid, "reason": reason}
            log.error("process_not_started", extra={"fields": fields})

    def _bury(self, child: Child) -> None:
        """One that nobody has asked to leave has ended."""
        if child.age > SOUND:
            self._pause = 0.0
        else:
            self._pause = min(max(self._pause * 2, 0.5), LONGEST_PAUSE)
        self._next = time.monotonic() + self._pause
        fields = {"process": self.name, "pid": child.pid, "status": child.status, "again_in": self._pause}
        log.error("process_died", extra={"fields": fields})
        child.close()

    def _dismiss(self, child: Child) -> None:
        """One that was never ready answers nobody, and needs no farewell."""
        child.tell("farewell")
        self._leaving.append((child, time.monotonic() + (FAREWELL if child.ready else 0.0)))

    def _look_at_leaving(self) -> None:
        now = time.monotonic()
        for place in [*self._leaving]:
            child, due = place
            if child.status is not None:
                self._leaving.remove(place)
                child.close()
            elif not child.asked and now >= due:
                child.terminate()
            elif child.asked and now >= due + self._stop_timeout:
                log.warning("process_killed", extra={"fields": {"process": self.name, "pid": child.pid}})
                child.kill()
