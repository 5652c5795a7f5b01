"""A lock file by which the processes of a host agree on who has what only one of them may have."""

import fcntl
import os
from pathlib import Path


class HostLock:
    """Held from `take()` until `release()` or the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._owner = 0

    def take(self) -> bool:
        """Whether this process holds the lock, now or already. Raises OSError if the file cannot be made."""
        if self._descriptor is not None and self._owner == os.getpid():
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor, self._owner = descriptor, os.getpid()
        return True

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
