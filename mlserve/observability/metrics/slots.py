"""Slot files: where each process of a host writes what it has measured, so that whoever is asked can tell of all.

A process holds the first free slot, `slot-N.lock`, by flock for its life, and writes `slot-N.json`. The file outlives
it: whoever takes the slot next goes on from there, and meanwhile what it counted stays in the sums.
"""

import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec

from mlserve.host_lock import HostLock
from mlserve.observability.metrics.snapshot import Snapshot, decode, encode

log = logging.getLogger("mlserve.metrics")


class Slot:
    """A slot that this process holds until `release` or its end, however it ends."""

    def __init__(self, folder: Path, number: int, lock: HostLock) -> None:
        self.path = _file(folder, number)
        self._new = self.path.with_suffix(".new")
        self._lock = lock

    def write(self, snapshot: Snapshot) -> None:
        """Replace the slot's file as a whole. Raises OSError; then the old one stands."""
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(encode(snapshot))
        self._new.replace(self.path)

    def release(self) -> None:
        self._lock.release()


def take(folder: Path) -> tuple[Slot, Snapshot]:
    """The first slot that no living process holds, and what its predecessors counted. Raises OSError."""
    for number in count():
        lock = HostLock(_lock_file(folder, number))
        if lock.take():
            slot = Slot(folder, number, lock)
            return slot, (_read(slot.path, free=True) or Snapshot()).lasting()
    raise AssertionError("there is always another number")


def read_others(folder: Path, own: Slot | None) -> dict[Path, Snapshot]:
    """What every other slot says, by its file: of the living all, of the dead what lasts."""
    found = {}
    for path in folder.glob("slot-*.json"):
        if own is None or path != own.path:
            with _free(path.with_suffix(".lock")) as free:
                snapshot = _read(path, free=free)
            if snapshot is not None:
                found[path] = snapshot.lasting() if free else snapshot
    return found


@contextmanager
def _free(lock: Path) -> Iterator[bool]:
    """Whether no living process holds the slot; then none takes it while the block runs.

    The lock is shared: two processes that are asked at once must not take each other for the slot's holder.
    """
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        free = True
    except OSError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)


def _read(path: Path, *, free: bool) -> Snapshot | None:
    """None where there is no snapshot. A file that is none is set aside, unless its process will replace it anyway."""
    try:
        return decode(_bytes_of(path))
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.error("metrics_damaged", extra={"fields": {"file": path.name, "reason": str(error), "set_aside": free}})
    if free:
        try:
            path.replace(path.with_suffix(".damaged"))
        except OSError:
            log.exception("metrics_damaged")
    return None


def _bytes_of(path: Path) -> bytes:
    """Of a real file only: to open anything else could wait for ever. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no regular file")
        return file.read()


def _file(folder: Path, number: int) -> Path:
    return folder / f"slot-{number}.json"


def _lock_file(folder: Path, number: int) -> Path:
    return folder / f"slot-{number}.lock"
