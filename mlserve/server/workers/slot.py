"""A place of the supervisor's that one process at a time holds, and the way from one holder to the next."""

import logging
import time
from collections.abc import Callable

from mlserve.server.workers.child import SILENCE, Child
from mlserve.server.workers.section import Section

log = logging.getLogger("mlserve.workers")

# A process that lives for so long was sound; the next that follows it is started at once. In seconds.
SOUND = 10.0
# For so long, in seconds, one may say nothing and still be sent new connections: each says a word a second.
QUIET = 2.5
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class Slot:
    """Holds what runs (`holder`), what is to follow it (`coming`) and what still answers before it leaves.

    `start` starts a process, or gives None where it is to be tried again soon, and `section` says how long each may
    take. Nothing here waits: `tend` is called again and again.

    For `farewell` seconds a process that leaves answers each request with the end of its connection, before it is asked
    to: a client that sends its next request into a connection that is just being closed would lose it.
    """

    def __init__(self, name: str, start: Callable[[], Child | None], section: Section, farewell: float) -> None:
        self.name = name
        self.holder: Child | None = None
        self.coming: Child | None = None
        self.failed_start = False  # the last process that was started did not become ready
        self.is_wanted = True
        self.was_filled = False
        self._is_due = False  # one is to be started that could not be yet
        self._leaving: list[tuple[Child, float]] = []  # with when to ask
        self._start = start
        self._section = section
        self._farewell = farewell
        self._pause = 0.0
        self._next = 0.0

    @property
    def children(self) -> list[Child]:
        found = [child for child in (self.holder, self.coming) if child is not None]
        return found + [child for child, _ in self._leaving]

    @property
    def is_renewing(self) -> bool:
        return self.coming is not None or self._is_due

    @property
    def is_filled(self) -> bool:
        return self.holder is not None and not self.is_renewing

    @property
    def is_answering(self) -> bool:
        """Whether there is a process, of which something was heard a moment ago."""
        return self.holder is not None and self.holder.silence < QUIET

    def renew(self, section: Section) -> None:
        """Start a process that is to take the place of the holder; one that is just starting may have read the INI
        before it changed, and leaves.
        """
        self._section = section
        if self.coming is not None:
            self._dismiss(self.coming)
            self.coming = None
        self._begin()

    def leave(self) -> None:
        """Let it be empty from now on."""
        self.is_wanted = self._is_due = False
        for child in (self.holder, self.coming):
            if child is not None:
                self._dismiss(child)
        self.holder = self.coming = None

    def kill(self) -> None:
        """End all that are here at once; `tend` sees to the rest."""
        for child in self.children:
            child.kill()

    def tend(self) -> None:
        """Look at all of them, and do what is due."""
        self._look_at_coming()
        self._look_at_holder()
        if self._is_due or (self.is_wanted and self.coming is None and self._may_be_filled):
            self._begin()
        self._look_at_leaving()

    @property
    def _may_be_filled(self) -> bool:
        """Whether the pause after the one that died has passed."""
        return self.holder is None and time.monotonic() >= self._next

    def _begin(self) -> None:
        self.failed_start = self._is_due = False
        try:
            self.coming = self._start()
            self._is_due = self.coming is None
        except OSError as error:  # The machine has no room for another process now.
            self._not_started(None, str(error))

    def _look_at_coming(self) -> None:
        child = self.coming
        if child is None:
            return
        if child.ready and child.status is None:
            self.coming, before = None, self.holder
            self.holder, self.was_filled = child, True
            fields = {"process": self.name, "pid": child.pid, "seconds": round(child.age, 2)}
            log.info("process_ready", extra={"fields": fields})
            if before is not None:
                self._dismiss(before)
        elif child.status is not None or child.age > self._section.start_timeout:
            reason = "it took too long" if child.status is None else f"it ended with status {child.status}"
            child.kill()
            child.close()
            self.coming = None
            self._not_started(child.pid, reason)

    def _not_started(self, pid: int | None, reason: str) -> None:
        self.failed_start = True
        self._wait_longer()
        log.error("process_not_started", extra={"fields": {"process": self.name, "pid": pid, "reason": reason}})

    def _look_at_holder(self) -> None:
        child = self.holder
        if child is None:
            return
        if child.status is not None:
            self.holder = None
            self._bury(child)
        elif child.hangs or child.silence > max(self._section.request_timeout, SILENCE):
            self.holder, self._next = None, 0.0
            fields = {"process": self.name, "pid": child.pid, "silent": not child.hangs}
            log.error("process_hangs", extra={"fields": fields})
            self._dismiss(child)

    def _bury(self, child: Child) -> None:
        """One that nobody has asked to leave has ended."""
        if child.age > SOUND:
            self._pause, self._next = 0.0, 0.0
        else:
            self._wait_longer()
        fields = {"process": self.name, "pid": child.pid, "status": child.status, "again_in": self._pause}
        log.error("process_died", extra={"fields": fields})
        child.close()

    def _wait_longer(self) -> None:
        self._pause = min(max(self._pause * 2, SHORTEST_PAUSE), LONGEST_PAUSE)
        self._next = time.monotonic() + self._pause

    def _dismiss(self, child: Child) -> None:
        """One that was never ready answers nobody, and needs no farewell."""
        child.tell("farewell")
        self._leaving.append((child, time.monotonic() + (self._farewell if child.ready else 0.0)))

    def _look_at_leaving(self) -> None:
        now = time.monotonic()
        for place in [*self._leaving]:
            child, due = place
            if child.status is not None:
                self._leaving.remove(place)
                child.close()
            elif not child.asked and now >= due:
                child.terminate()
            elif child.asked and not child.killed and now >= due + self._section.stop_timeout:
                log.warning("process_killed", extra={"fields": {"process": self.name, "pid": child.pid}})
                child.kill()
