"""What the synced writer acknowledged is on the disk, names included; what it refused is nowhere."""

import errno
import os
import stat
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlserve.errors import LogUnavailable
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.reader import SegmentFile
from mlserve.predictions.spool.synced_writer import SyncedWriter
from mlserve.turns import Turns

fdatasync, fsync = os.fdatasync, os.fsync


class Disk:
    """What a power cut would leave: by file, how many bytes a sync that ended well found when it began.

    `faults` says of each sync how it ends, in turn; after the last one all go well. `breath` is how often a thread lets
    the others run while its sync takes place.
    """

    def __init__(self, faults: list[bool] | None = None, breath: int = 0) -> None:
        self.sizes: dict[int, int] = {}
        self.folders: set[int] = set()
        self.syncs = 0
        self._faults = list(faults or [])
        self._breath = breath

    def fdatasync(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        self.syncs += 1
        fails = self._faults.pop(0) if self._faults else False
        for _ in range(self._breath):
            os.sched_yield()
        if fails:
            raise OSError(errno.EIO, "Input/output error")
        self.sizes[found.st_ino] = max(found.st_size, self.sizes.get(found.st_ino, 0))

    def fsync(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            self.folders.add(found.st_ino)

    def has(self, folder: Path, payload: bytes) -> bool:
        """Whether the payload would be read after a power cut."""
        for segment in reader.segments(folder):
            end = segment.path.read_bytes().find(payload) + len(payload)
            if end >= len(payload):
                return end <= self.sizes.get(segment.path.stat().st_ino, 0)
        return False


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Disk], Disk]:
    def use(disk: Disk) -> Disk:
        monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
        monkeypatch.setattr(os, "fsync", disk.fsync)
        return disk

    return use


def contents(folder: Path) -> list[bytes]:
    return list(reader.unshipped(folder, {}))


def test_a_payload_is_on_the_real_disk_and_read_back(tmp_path: Path) -> None:
    writer = SyncedWriter(tmp_path / "spool", 50)
    for number in range(5):
        writer.append(b"payload %d" % number)
    writer.close()
    assert contents(tmp_path / "spool") == [b"payload %d" % number for number in range(5)]
    assert len(reader.segments(tmp_path / "spool")) == 2


def test_segment_and_folders_have_their_names_on_the_disk(tmp_path: Path, use: Callable[[Disk], Disk]) -> None:
    disk, folder = use(Disk()), tmp_path / "spool"
    writer = SyncedWriter(folder, 1000)
    writer.append(b"x")
    assert disk.folders == {path.stat().st_ino for path in (folder, tmp_path)}
    assert disk.has(folder, b"x")
    writer.close()


def test_a_folder_that_cannot_be_synced_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = SyncedWriter(tmp_path, 1000)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        for _ in range(3):
            with pytest.raises(LogUnavailable):
                writer.append(b"refused")
    assert list(tmp_path.iterdir()) == []
    writer.append(b"kept")
    assert contents(tmp_path) == [b"kept"]
    writer.close()


def test_a_failed_sync_ends_the_segment_and_the_record_goes_into_another(
    tmp_path: Path, use: Callable[[Disk], Disk], caplog: pytest.LogCaptureFixture
) -> None:
    disk = use(Disk(faults=[False, True]))
    writer = SyncedWriter(tmp_path, 1000)
    for payload in (b"first", b"second", b"third"):
        writer.append(payload)
        assert disk.has(tmp_path, payload)
    assert contents(tmp_path) == [b"first", b"second", b"third"]
    old, new = reader.segments(tmp_path)
    with SegmentFile.open(old) as given_up, SegmentFile.open(new) as current:
        assert (given_up.complete, given_up.size, current.complete) == (True, 13, False)
    (told,) = caplog.records
    assert (told.getMessage(), told.levelname) == ("spool_sync_failed", "ERROR")
    assert vars(told)["fields"]["bytes"] == 14
    writer.close()


def test_a_disk_that_syncs_nothing_refuses_and_leaves_nothing(
    tmp_path: Path, use: Callable[[Disk], Disk], caplog: pytest.LogCaptureFixture
) -> None:
    use(Disk(faults=[True] * 30))
    writer = SyncedWriter(tmp_path, 1000)
    for _ in range(10):
        with pytest.raises(LogUnavailable, match=r"^The spool cannot be written; the server's log says why\.$"):
            writer.append(b"refused")
    with pytest.raises(LogUnavailable):
        writer.check()
    assert list(tmp_path.iterdir()) == []
    use(Disk())
    writer.check()
    writer.append(b"kept")
    assert contents(tmp_path) == [b"kept"]
    # The segment, and the one for the second try; after that a trial says that nothing can be kept.
    assert Counter(one.getMessage() for one in caplog.records) == {"spool_sync_failed": 2, "spool_failed": 1}
    writer.close()


def test_a_full_segment_is_on_the_disk_before_it_is_closed(tmp_path: Path, use: Callable[[Disk], Disk]) -> None:
    """Somebody's record may still wait in it."""
    disk = use(Disk())
    writer = SyncedWriter(tmp_path, 20)
    with writer._lock:
        writer._append(b"written and not synced yet")
    assert not disk.has(tmp_path, b"written")
    writer.append(b"in the next segment")
    assert disk.has(tmp_path, b"written and not synced yet")
    writer.close()


def test_who_waits_for_the_disk_lets_others_compute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, said = Turns(), []
    turns.limit(1, 0, 1.0)

    def recorded(descriptor: int) -> None:
        said.append(turns.longest)
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", recorded)
    writer = SyncedWriter(tmp_path, 1000, turns)
    with turns.taken():
        writer.append(b"x")
    assert said == [0]
    writer.close()


def test_a_forked_child_leaves_its_parent_s_segment_alone(tmp_path: Path) -> None:
    writer = SyncedWriter(tmp_path, 1000)
    writer.append(b"parent")
    child = os.fork()
    if not child:
        writer.append(b"child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writer.append(b"parent again")
    assert sorted(contents(tmp_path)) == [b"child", b"parent", b"parent again"]
    writer.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    threads=st.integers(1, 6),
    each=st.integers(1, 12),
    segment_size=st.sampled_from([30, 200, 100_000]),
    faults=st.lists(st.booleans(), max_size=12),
    breath=st.integers(0, 30),
)
def test_no_answer_leaves_before_a_sync_that_began_after_its_append(
    tmp_path_factory: pytest.TempPathFactory,
    use: Callable[[Disk], Disk],
    threads: int,
    each: int,
    segment_size: int,
    faults: list[bool],
    breath: int,
) -> None:
    folder, disk = tmp_path_factory.mktemp("spool"), use(Disk(faults, breath))
    writer = SyncedWriter(folder, segment_size)
    answered: list[bytes] = []
    refused: list[bytes] = []
    begun_late: list[bytes] = []

    def work(thread: int) -> None:
        for number in range(each):
            payload = b"<%d-%d>" % (thread, number)
            try:
                writer.append(payload)
            except LogUnavailable:
                refused.append(payload)
                continue
            if not disk.has(folder, payload):
                begun_late.append(payload)
            answered.append(payload)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    finally:
        sys.setswitchinterval(interval)
    writer.close()
    assert not begun_late
    assert len(answered) + len(refused) == threads * each
    assert len(refused) <= sum(faults) * threads
    assert Counter(contents(folder)) == Counter(answered)
