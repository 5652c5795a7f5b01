"""One sync serves all who appended before it began, nobody else, and a failure is final."""

import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from mlserve.predictions.spool.group_sync import GroupSync
from tests.factories import until


class Disk:
    """Stands before `os.fdatasync`, and lets each sync end when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.failing = False
        self._may_end = threading.Semaphore(0)

    def __call__(self, descriptor: int) -> None:
        self.begun += 1
        assert self._may_end.acquire(timeout=20)
        if self.failing:
            raise OSError(errno.EIO, "Input/output error")

    def end_one(self) -> None:
        self._may_end.release()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(os, "fdatasync", disk := Disk())
    return disk


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def append(sync: GroupSync, pool: ThreadPoolExecutor, size: int = 10) -> Future[None]:
    """A record that is written now, and waits in a thread of its own."""
    sync.written += size
    return pool.submit(sync.wait, sync.written)


def test_what_is_on_the_disk_is_waited_for_no_more(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        sync = GroupSync(file.fileno())
        sync.wait(0)
        sync.written = file.write(b"record")
        sync.wait(6)
    assert sync.synced == 6
    sync.wait(6)  # A second sync of a closed file would fail.


def test_those_who_come_while_a_sync_runs_share_the_next(disk: Disk, pool: ThreadPoolExecutor) -> None:
    sync = GroupSync(0)
    first = append(sync, pool)
    until(lambda: disk.begun == 1)
    late = [append(sync, pool) for _ in range(5)]
    disk.end_one()
    first.result(20)
    until(lambda: disk.begun == 2)
    assert (sync.synced, [one.done() for one in late]) == (10, [False] * 5)
    disk.end_one()
    for one in late:
        one.result(20)
    assert (sync.synced, disk.begun) == (60, 2)


def test_a_sync_that_failed_is_the_last(disk: Disk, pool: ThreadPoolExecutor) -> None:
    sync = GroupSync(0)
    kept = append(sync, pool)
    disk.end_one()
    kept.result(20)
    disk.failing = True
    leader = append(sync, pool)
    until(lambda: disk.begun == 2)
    follower = append(sync, pool)
    disk.end_one()
    for one in leader, follower:
        with pytest.raises(OSError, match="Input/output error"):
            one.result(20)
    disk.failing = False
    # The next sync would go well, of pages that the system has forgotten to write.
    with pytest.raises(OSError, match="Input/output error"):
        sync.wait(sync.written)
    sync.wait(10)
    assert (sync.synced, disk.begun) == (10, 2)


def test_who_is_interrupted_in_a_sync_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fdatasync", interrupted)
    sync = GroupSync(0)
    sync.written = 10
    with pytest.raises(KeyboardInterrupt):
        sync.wait(10)
    with pytest.raises(OSError, match="a sync failed"):
        sync.wait(10)
