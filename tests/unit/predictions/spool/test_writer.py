"""What the writer acknowledged is in its segment, whatever the disk does; what it refused is not."""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlserve.errors import LogUnavailable
from mlserve.predictions.spool import holding, reader
from mlserve.predictions.spool.reader import SegmentFile
from mlserve.predictions.spool.writer import SpoolWriter


def contents(folder: Path) -> list[bytes]:
    return list(reader.unshipped(folder, {}))


def test_nothing_is_made_before_the_first_append(tmp_path: Path) -> None:
    SpoolWriter(tmp_path / "spool", 1000).close()
    assert not (tmp_path / "spool").exists()


def test_appended_payloads_are_read_back_in_order(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", 1000)
    payloads = [f'{{"{number}"}}'.encode() * 5 for number in range(100)]
    for payload in payloads:
        writer.append(payload)
    assert contents(tmp_path / "spool") == payloads
    writer.close()


def test_the_folder_and_its_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "spool"
    writer = SpoolWriter(folder, 1000)
    writer.append(b"x")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]
    writer.close()


def test_a_segment_is_locked_before_it_has_its_final_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is the whole point: an `.open` file without a lock would be taken for a dead worker's."""
    seen: list[bool] = []
    rename = Path.rename

    def watched(self: Path, target: Path) -> Path:
        with SegmentFile(os.open(self, os.O_RDONLY)) as file:
            seen.append(file.complete)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    writer = SpoolWriter(tmp_path, 1000)
    writer.append(b"x")
    assert seen == [False]
    writer.close()


def test_the_lock_is_held_until_the_writer_closes(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, 1000)
    writer.append(b"x")
    (segment,) = reader.segments(tmp_path)
    with SegmentFile.open(segment) as file:
        assert not file.complete
    writer.close()
    with SegmentFile.open(segment) as file:
        assert file.complete


def test_a_full_segment_is_followed_by_a_new_one(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, 100)
    for _ in range(9):
        writer.append(b"x" * 42)
    segments = reader.segments(tmp_path)
    assert [segment.size() for segment in segments] == [100] * 4 + [50]
    states = []
    for segment in segments:
        with SegmentFile.open(segment) as file:
            states.append(file.complete)
    assert states == [True] * 4 + [False]
    writer.close()


def test_threads_do_not_tear_each_others_records(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, 50_000)
    wanted = {f"{thread}-{number}".encode() * 20 for thread in range(4) for number in range(500)}

    def work(thread: int) -> None:
        for number in range(500):
            writer.append(f"{thread}-{number}".encode() * 20)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = contents(tmp_path)
    assert len(found) == len(wanted)
    assert set(found) == wanted
    writer.close()


def test_a_forked_child_writes_into_a_segment_of_its_own(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, 1000)
    writer.append(b"parent")
    child = os.fork()
    if not child:
        writer.append(b"child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writer.append(b"parent again")
    assert sorted(contents(tmp_path)) == [b"child", b"parent", b"parent again"]
    assert len(reader.segments(tmp_path)) == 2
    writer.close()


def test_a_file_swept_away_before_it_was_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock
    swept: list[Path] = []

    def sweeping(descriptor: int, operation: int) -> None:
        if not swept:
            swept.extend(tmp_path.glob("*.new"))
            swept[0].unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", sweeping)
    writer = SpoolWriter(tmp_path, 1000)
    writer.append(b"x")
    assert swept
    assert contents(tmp_path) == [b"x"]
    writer.close()


# Files of this process may not grow beyond the limit, which gives real short writes.
_SHORT_WRITES = """
import resource, sys
from pathlib import Path
from mlserve.errors import LogUnavailable
from mlserve.predictions.spool.writer import SpoolWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
writer = SpoolWriter(Path(sys.argv[1]), 1 << 20)
for size in (600, 600, 300, 2000, 500, 0):
    try:
        writer.append(bytes([65 + size // 100]) * (size or 700))
        print("kept")
    except LogUnavailable as error:
        print("refused")
"""


def test_a_short_write_is_cut_back_and_the_record_goes_to_a_new_segment(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SHORT_WRITES, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["kept", "kept", "kept", "refused", "kept", "kept"]
    assert sorted(map(len, contents(tmp_path))) == [300, 500, 600, 600, 700]
    assert all(segment.size() <= 1000 for segment in reader.segments(tmp_path))
    # Not one torn byte is left: every segment ends where its last whole record ends.
    for segment in reader.segments(tmp_path):
        with SegmentFile.open(segment) as file:
            assert file.count(0, file.size)[1] == file.size


def test_a_full_disk_refuses_and_leaves_no_trail_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SpoolWriter(tmp_path, 1000)
    writer.append(b"before")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(holding, "write", full)
        for _ in range(10):
            with pytest.raises(LogUnavailable, match=r"^The spool cannot be written; the server's log says why\.$"):
                writer.append(b"refused")
    writer.append(b"after")
    assert contents(tmp_path) == [b"before", b"after"]
    assert len(list(tmp_path.iterdir())) == 2
    writer.close()


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    writer = SpoolWriter(tmp_path / "spool", 1000)
    with pytest.raises(LogUnavailable, match="cannot be written") as caught:
        writer.append(b"x")
    assert str(tmp_path) not in str(caught.value)


def test_the_log_is_told_once_why_it_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "spool"
    folder.touch()
    writer = SpoolWriter(folder, 1000)
    with caplog.at_level("INFO", "mlserve.log"):
        for attempt in (lambda: writer.append(b"x"), writer.check, writer.check):
            with pytest.raises(LogUnavailable):
                attempt()
        folder.unlink()
        for _ in range(2):
            writer.append(b"x")
    writer.close()
    assert [record.getMessage() for record in caplog.records] == ["spool_failed", "spool_back"]
    assert vars(caplog.records[0])["fields"] == {"folder": str(folder), "reason": "File exists"}


def test_a_check_finds_a_spool_that_cannot_be_written_and_that_it_can_again(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.touch()
    writer = SpoolWriter(folder, 1000)
    with pytest.raises(LogUnavailable):
        writer.check()
    folder.unlink()
    writer.check()
    assert list(folder.iterdir()) == []


def test_a_check_asks_nothing_of_the_disk_after_an_append_that_went_well(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", 1000)
    writer.append(b"x")
    (tmp_path / "spool").rename(tmp_path / "elsewhere")
    writer.check()
    assert not (tmp_path / "spool").exists()
    writer.close()


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_segment_removed_under_the_writer_is_noticed_by_the_next_append(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, whole_folder: bool
) -> None:
    folder = tmp_path / "spool"
    writer = SpoolWriter(folder, 1000)
    writer.append(b"lost")
    if whole_folder:
        shutil.rmtree(folder)
    else:
        reader.segments(folder)[0].path.unlink()
    for payload in (b"kept", b"kept too"):
        writer.append(payload)
    assert contents(folder) == [b"kept", b"kept too"]
    (told,) = [found for found in caplog.records if found.getMessage() == "spool_removed"]
    assert (told.levelname, vars(told)["fields"]) == ("ERROR", {"folder": str(folder), "bytes": 12 + 12})
    writer.close()


def test_a_removed_folder_that_cannot_be_made_again_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    writer = SpoolWriter(folder, 1000)
    writer.append(b"lost")
    shutil.rmtree(folder)
    folder.touch()
    with pytest.raises(LogUnavailable):
        writer.append(b"refused")
    with pytest.raises(LogUnavailable):
        writer.check()
    folder.unlink()
    writer.append(b"kept")
    assert contents(folder) == [b"kept"]
    writer.close()


def test_files_that_vanish_as_soon_as_they_are_made_keep_nothing_and_promise_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = holding.write

    def removing(descriptor: int, data: bytes) -> int:
        for segment in reader.segments(tmp_path):
            segment.path.unlink()
        return write(descriptor, data)

    writer = SpoolWriter(tmp_path, 1000)
    monkeypatch.setattr(holding, "write", removing)
    with pytest.raises(LogUnavailable):
        writer.append(b"x")
    writer.close()
