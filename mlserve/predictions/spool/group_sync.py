"""Bringing a file onto the disk for many threads at once: one sync serves all who appended before it began."""

import errno
import os
import threading


class GroupSync:
    """The syncs of one file that only grows. Whoever needs one and finds none running runs it, for all who wait.

    `written` is where what has been appended ends, in bytes; whoever appends moves it, one thread at a time.
    """

    def __init__(self, descriptor: int) -> None:
        self.written = 0
        self._descriptor = descriptor
        self._synced = 0
        self._running = False
        self._failure: str | None = None
        self._moved = threading.Condition()

    @property
    def synced(self) -> int:
        """Where what is certainly on the disk ends, in bytes."""
        return self._synced

    def wait(self, end: int) -> None:
        """Returns when a sync that began after the first `end` bytes were written has ended well.

        Raises OSError once a sync failed, now and for ever: the system then takes the pages that it could not write
        for clean, and a second sync would call them safe.
        """
        while self._is_mine(end):
            begun = self.written
            try:
                os.fdatasync(self._descriptor)
            except BaseException as error:  # Whatever it is, the others must not wait for it.
                self._ended(begun, failure=str(error))
                raise
            self._ended(begun)

    def _is_mine(self, end: int) -> bool:
        """Whether the next sync is the calling thread's to run; false when none is needed any more."""
        with self._moved:
            while self._synced < end:
                if self._failure is not None:
                    raise OSError(errno.EIO, f"a sync failed: {self._failure}")
                if not self._running:
                    self._running = True
                    return True
                self._moved.wait()
            return False

    def _ended(self, begun: int, failure: str | None = None) -> None:
        with self._moved:
            self._running, self._failure = False, failure
            if failure is None:
                self._synced = begun
            self._moved.notify_all()
