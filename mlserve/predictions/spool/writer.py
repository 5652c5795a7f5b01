"""A worker's side of the spool: one segment of its own, held under a lock for as long as it writes."""

import errno
import fcntl
import logging
import os
import threading
from pathlib import Path

from mlserve.errors import LogUnavailable
from mlserve.ids import Ids
from mlserve.predictions.spool import holding
from mlserve.predictions.spool.frame import frame

log = logging.getLogger("mlserve.log")

# Bytes that a trial writes: about a record.
_TRIAL = 4096


class SpoolWriter:
    """Appends payloads to this process's segment; `segment_size` in bytes is where the next segment begins.

    Opens nothing before the first append, and a forked child begins a segment of its own.
    """

    def __init__(self, folder: Path, segment_size: int) -> None:
        self._folder = folder
        self._segment_size = segment_size
        self._lock = threading.Lock()
        self._names = Ids()
        self._room = holding.Room()
        self._descriptor: int | None = None
        self._segment = folder
        self._owner = 0
        self._size = 0
        self._proven = False  # The last attempt to write went well.
        self._failing = False  # The last attempt did not, which the log knows.

    def append(self, payload: bytes) -> None:
        """The payload survives the end of this process once this returns.

        Raises LogUnavailable; then nothing is kept.
        """
        try:
            self._keep(frame(payload))
        except OSError as error:
            with self._lock:
                raise self._failure(error) from error
        if not self._proven:
            with self._lock:
                self._succeeded()

    def check(self) -> None:
        """Raises LogUnavailable if the spool cannot be written.

        For health: after an append that went well it asks nothing of the disk; otherwise it writes a file and removes
        it, so that a spool that nobody writes any more because of its health is found well again.
        """
        with self._lock:
            if self._proven:
                return
            try:
                self._try_out()
            except OSError as error:
                raise self._failure(error) from error
            self._succeeded()

    def close(self) -> None:
        with self._lock:
            self._let_go()

    def _keep(self, data: bytes) -> None:
        """Raises OSError; then nothing is kept."""
        with self._lock:
            self._append(data)

    def _settle(self, descriptor: int) -> None:
        """Brings a file as far as a kept record is brought: the system has it, which outlives the process."""

    def _failure(self, error: OSError) -> LogUnavailable:
        if not self._failing:
            fields = {"folder": str(self._folder), "reason": str(error.strerror)}
            log.error("spool_failed", extra={"fields": fields})
        self._proven, self._failing = False, True
        return LogUnavailable("The spool cannot be written; the server's log says why.")

    def _succeeded(self) -> None:
        if self._failing:
            log.info("spool_back")
        self._proven, self._failing = True, False

    def _try_out(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{self._names()}.new"  # If this process is killed now, the shipper sweeps it away.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if os.write(descriptor, bytes(_TRIAL)) < _TRIAL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._settle(descriptor)
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)

    def _append(self, data: bytes) -> None:
        if self._descriptor is None or self._size >= self._segment_size or self._owner != os.getpid():
            self._begin()
        if self._write(data) and self._has_name():
            return
        # The disk took a part of it, or the segment was removed. The next attempt begins a fresh one either way.
        self._begin()
        if not self._write(data):
            raise OSError(0, "the disk takes only part of a record")
        if not self._has_name():
            raise OSError(0, "its files are removed as soon as they are made")

    def _has_name(self) -> bool:
        """Whether others can still find the segment. Asked after the write, so that no answer relies on a file that
        was removed before it: a descriptor of a removed file takes every write, and nobody can read them.
        """
        descriptor = self._descriptor
        assert descriptor is not None
        if holding.links(descriptor, self._room):
            return True
        # What was in it and not shipped yet is lost: only the one record at hand can be written again.
        fields = {"folder": str(self._folder), "bytes": self._size}
        log.error("spool_removed", extra={"fields": fields})
        return False

    def _write(self, data: bytes) -> bool:
        """Whether all of it was written; of a part, nothing is left."""
        descriptor = self._descriptor
        assert descriptor is not None
        try:
            written = holding.write(descriptor, data)
        except OSError:
            # Usually nothing was written, but after an input/output error nothing is certain.
            if os.fstat(descriptor).st_size:
                self._let_go()
            raise
        if written == len(data):
            self._size += written
            return True
        try:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        except OSError:
            # The torn record stays the segment's last, which readers recognise once the lock is free.
            self._let_go()
            raise
        return False

    def _begin(self) -> None:
        self._let_go()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while not self._create():
            pass
        self._owner = os.getpid()
        self._size = 0

    def _create(self) -> bool:
        """Makes the segment. The lock comes before the name: whoever sees an `.open` file that is not locked may take
        its writer for dead. False if the shipper swept the file away before it was locked.
        """
        name = self._names()
        new = self._folder / f"{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._segment = new.rename(self._folder / f"{name}.open")
        except FileNotFoundError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
