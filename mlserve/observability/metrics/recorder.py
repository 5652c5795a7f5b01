"""Writes this process's metrics into its slot, once an interval, and sums all slots when it is asked."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from mlserve.observability.metrics import slots
from mlserve.observability.metrics.snapshot import Snapshot, merge

log = logging.getLogger("mlserve.metrics")


class Recorder:
    """`read` gives the process's own snapshot; `interval` is in seconds.

    Nothing that the disk does makes it raise: where the folder cannot be written, this process tells of itself and of
    what it can still read. The thread outlives every failure of `read`, and each is told once.
    """

    def __init__(self, folder: Path, read: Callable[[], Snapshot], interval: float) -> None:
        self._folder = folder
        self._read = read
        self._interval = interval
        self._lock = threading.Lock()
        self._slot: slots.Slot | None = None
        self._base = Snapshot()
        self._failing = False
        self._stopped = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    def start(self) -> None:
        """Take a slot and go on from it; from now on write in a thread of its own."""
        self.record()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write a last time and free the slot, which may be another's from now on."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.record()
        finally:
            with self._lock:
                slot, self._slot, self._stopped = self._slot, None, True
                if slot is not None:
                    slot.release()

    def disown(self) -> None:
        """In a child process: let go of the parent's slot, which the parent still holds."""
        if self._process != os.getpid() and self._slot is not None:
            self._slot.release()

    def record(self) -> Snapshot:
        """Write what this process and its predecessors in the slot have measured; the same."""
        with self._lock:
            return self._write()

    def collect(self) -> Snapshot:
        """What all processes of this host have measured, dead or alive.

        This process writes first, so that whoever is asked next knows no less than was told now. All sum in the order
        of the slots: floats in another order may sum to a little less, which Prometheus would take for a restart.
        """
        with self._lock:
            own, slot = self._write(), self._slot
        found = slots.read_others(self._folder, slot)
        found[self._folder if slot is None else slot.path] = own
        return merge(found[path] for path in sorted(found))

    def _write(self) -> Snapshot:
        measured = self._read()
        if self._stopped:
            # What it counted stands in the file that it left, which is told with all others.
            return Snapshot(gauges=measured.gauges)
        try:
            if self._slot is None:
                self._slot, found = slots.take(self._folder)
                self._base = merge([self._base, found])
            snapshot = merge([self._base, measured])
            self._slot.write(snapshot)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and self._slot is not None:
                # Somebody has removed the folder, and with it the slot: the next time takes one anew.
                self._slot.release()
                self._slot = None
            self._tell(error)
            return merge([self._base, measured])
        self._tell(None)
        return snapshot

    def _run(self) -> None:
        well = True
        while not self._stopping.wait(self._interval):
            try:
                self.record()
                well = True
            except Exception:
                if well:
                    log.exception("metrics_failed")
                well = False

    def _tell(self, error: OSError | None) -> None:
        """Once, until it is otherwise."""
        if error is not None and not self._failing:
            fields = {"folder": str(self._folder), "reason": str(error)}
            log.error("metrics_unwritable", extra={"fields": fields})
        if error is None and self._failing:
            log.info("metrics_back")
        self._failing = error is not None


class NullRecorder:
    """For a process that serves nobody, such as a command: tells what the servers of the host have measured.

    It takes no slot and writes nothing, so that the process is no worker, and what it does is no traffic.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self) -> None:
        """There is nothing to write."""

    def stop(self) -> None:
        """There is nothing to free."""

    def disown(self) -> None:
        """There is no slot to let go of."""

    def collect(self) -> Snapshot:
        return merge(slots.read_others(self._folder, None).values())
