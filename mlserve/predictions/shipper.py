"""The shipper: brings the records of a host's spool into SQL, each exactly once."""

import logging
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from mlserve.db.engine import Database
from mlserve.db.failures import reason_of
from mlserve.errors import MlserveError
from mlserve.host_lock import HostLock
from mlserve.observability.counters import Counters
from mlserve.observability.health import Degraded
from mlserve.predictions.delivery import Delivery
from mlserve.predictions.family_tables import FamilyTables
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.gauge import SpoolGauge, late_after
from mlserve.predictions.spool.positions import Place, forget_place, now, places
from mlserve.predictions.spool.reader import Segment, SegmentFile

log = logging.getLogger("mlserve.shipper")

_LONGEST_PAUSE = 5.0


class Shipper:
    """One of them works for each host, by a lock file in the spool; the others wait for their turn.

    `interval` and `keep` are in seconds: the pause between two passes, and for how long a segment stays on disk after
    all of it was committed. `batch` is the number of records in one transaction, `tables` take their explanations.
    Nothing is opened at construction.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        *,
        interval: float = 0.2,
        batch: int = 1000,
        keep: float = 3600.0,
        counters: Counters,
        tables: FamilyTables,
    ) -> None:
        self._folder = folder
        self._database = database
        self._interval = interval
        self._keep = timedelta(seconds=keep)
        self._lock = HostLock(folder / "shipper.lock")
        self._gauge = SpoolGauge(folder, database, late_after(interval))
        self._delivery = Delivery(folder, database, batch, counters, tables)
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._thread: threading.Thread | None = None
        self._elected = False
        self._has_moved = False
        self._last_error: str | None = None

    def run_once(self) -> int:
        """One pass over the whole spool; how many records left it (0 if another process ships).

        Raises DatabaseUnavailable and OSError; what was committed before stays so.
        """
        if not self._elect():
            return 0
        segments = reader.segments(self._folder)
        if not segments:
            return 0
        with self._database.read() as connection:
            known = places(connection, [segment.name for segment in segments])
        moved = 0
        for segment in segments:
            if not self._may_go_on():
                break
            moved += self._pass(segment, known.get(segment.name, Place()))
        return moved

    def start(self) -> None:
        """Ships in a thread of its own, until `stop`."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self._thread.start()

    def stop(self, grace: float) -> int:
        """Ships what is there for up to `grace` seconds, gives the lock back, and says how many records are left."""
        self._deadline = time.monotonic() + grace
        self._stopping.set()
        if self._thread is not None:
            # A statement that hangs must not hold the process up; a killed transaction leaves nothing half done.
            self._thread.join(grace + 1.0)
            self._thread = None
        left = self._gauge.read()
        if left.backlog_records:
            log.warning("spool_left", extra={"fields": left.as_dict()})
        return left.backlog_records

    def state(self) -> dict[str, Any]:
        """Backlog, lag and the number of records set aside, whoever ships; this one's election and last error.

        Raises Degraded with the same while its passes fail, or a record waits too long, whoever is to ship it:
        predictions are answered and kept, but not shipped.
        """
        state = self._gauge.read().as_dict() | {"elected": self._elected, "last_error": self._last_error}
        # Whoever waits for its turn makes no error; one without the lock means that the lock cannot even be asked for.
        if state["last_error"] is not None:
            raise Degraded(state)
        return self._gauge.judged(state)

    def _run(self) -> None:
        pause = self._interval
        while not self._stopping.wait(pause):
            pause = self._interval if self._attempt() else min(max(pause, 0.1) * 2, _LONGEST_PAUSE)
        self._drain()
        self._lock.release()
        self._elected = False

    def _drain(self) -> None:
        """Ships until nothing moves any more; what fails is tried again, as long as the grace lasts."""
        while self._may_go_on():
            if not self._attempt():
                time.sleep(max(0.0, min(0.1, self._deadline - time.monotonic())))
            elif not self._has_moved:
                return

    def _attempt(self) -> bool:
        """Whether the pass went through. The thread outlives every failure, and each is told once."""
        try:
            self._has_moved = self.run_once() > 0
        except Exception as error:
            if self._last_error is None:
                log.warning("shipping_failed", extra={"fields": {"reason": reason_of(error)}}, exc_info=error)
            # Health is public: the kind of the failure is shown there, its words are in the log only.
            self._last_error = error.code if isinstance(error, MlserveError) else type(error).__name__
            return False
        if self._last_error is not None:
            log.info("shipping_resumed")
            self._last_error = None
        return True

    def _may_go_on(self) -> bool:
        return not self._stopping.is_set() or time.monotonic() < self._deadline

    def _elect(self) -> bool:
        if not self._elected and self._lock.take():
            self._elected = True
            reader.sweep(self._folder)
        return self._elected

    def _pass(self, segment: Segment, place: Place) -> int:
        if place.finished_at is not None:
            if place.finished_at + self._keep <= now():
                self._remove(segment)
            return 0
        try:
            file = SegmentFile.open(segment)
        except FileNotFoundError:
            return 0
        moved = 0
        with file:
            # A writer that is alive and has written nothing new is the usual case. Fewer bytes than were shipped are
            # damage, which the delivery sees to.
            more = file.complete or file.size != place.position
            while more and self._may_go_on():
                records, more = self._delivery.ship(segment, file)
                moved += records
        return moved

    def _remove(self, segment: Segment) -> None:
        segment.path.unlink(missing_ok=True)
        with self._database.write() as connection:
            forget_place(connection, segment.name)
