"""A worker's side of the spool where a record must survive a power cut too: it is on the disk before it is kept."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from mlserve.predictions.spool.group_sync import GroupSync
from mlserve.predictions.spool.synced_folder import sync_folder
from mlserve.predictions.spool.writer import SpoolWriter
from mlserve.turns import Turns

log = logging.getLogger("mlserve.log")


class SyncedWriter(SpoolWriter):
    """As its base, but `append` returns only when the disk has the payload, and the names of the file and its folder.

    Whoever waits for the disk lets others compute meanwhile. A segment whose sync failed is given up: it is cut back to
    what is certain, and each record that was not is written once more, into a new one.
    """

    def __init__(self, folder: Path, segment_size: int, turns: Turns | None = None) -> None:
        super().__init__(folder, segment_size)
        self._turns = turns or Turns()
        self._sync: GroupSync | None = None

    def _keep(self, data: bytes) -> None:
        if not self._is_on_disk(data) and not self._is_on_disk(data):
            raise OSError(0, "the disk fails to sync what it took")

    def _is_on_disk(self, data: bytes) -> bool:
        with self._lock:
            self._append(data)
            sync = self._sync
            assert sync is not None
            end = sync.written
        self._turns.leave()
        try:
            sync.wait(end)
        except OSError:
            with self._lock:
                if self._sync is sync:
                    self._let_go()
            return False
        return True

    def _append(self, data: bytes) -> None:
        super()._append(data)
        assert self._sync is not None
        self._sync.written = self._size

    def _create(self) -> bool:
        if self._failing:  # Else a disk that syncs nothing would be given a segment for each record that it refuses.
            self._try_out()
        if not super()._create():
            return False
        descriptor = self._descriptor
        assert descriptor is not None
        try:
            for folder in (self._folder, self._folder.parent):
                sync_folder(folder)
        except OSError:
            # After a power cut, nobody might find what stands in it.
            self._segment.unlink(missing_ok=True)
            self._let_go()
            raise
        self._sync = GroupSync(descriptor)
        return True

    def _let_go(self) -> None:
        """No thread syncs the segment any more when its descriptor is closed."""
        sync, self._sync = self._sync, None
        if sync is not None and self._owner == os.getpid():
            try:
                sync.wait(sync.written)
            except OSError as error:
                self._cut(sync, error)
        super()._let_go()

    def _cut(self, sync: GroupSync, error: OSError) -> None:
        """Nobody is answered for what stands behind the last good sync: it is written elsewhere, or refused."""
        fields = {"folder": str(self._folder), "bytes": sync.written - sync.synced, "reason": str(error.strerror)}
        log.error("spool_sync_failed", extra={"fields": fields})
        descriptor = self._descriptor
        assert descriptor is not None
        with suppress(OSError):
            os.ftruncate(descriptor, sync.synced)
            if not sync.synced:
                self._segment.unlink(missing_ok=True)

    def _settle(self, descriptor: int) -> None:
        os.fdatasync(descriptor)
