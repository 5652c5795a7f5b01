"""Counters never fall, whatever becomes of the processes and of the disk."""

import inspect
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlserve.observability.metrics.recorder import NullRecorder, Recorder
from mlserve.observability.metrics.snapshot import Snapshot
from tests.factories import until

DROPS = "mlserve_log_drops_total"


class Process:
    """What one process of the host has counted, and its recorder."""

    def __init__(self, folder: Path, interval: float = 3600) -> None:
        self.counted = 0.0
        self.wrong: Exception | None = None
        self.recorder = Recorder(folder, self._read, interval)
        self.recorder.start()

    def _read(self) -> Snapshot:
        if self.wrong is not None:
            raise self.wrong
        return Snapshot(counters={DROPS: [((), self.counted)]}, gauges={"mlserve_workers": [((), 1.0)]})

    def told(self) -> tuple[float, float]:
        """What it tells of all: drops, workers."""
        snapshot = self.recorder.collect()
        return snapshot.counters[DROPS][0][1], snapshot.gauges["mlserve_workers"][0][1]


@contextmanager
def processes(folder: Path, n: int) -> Iterator[list[Process]]:
    running = [Process(folder) for _ in range(n)]
    try:
        yield running
    finally:
        for process in running:
            process.recorder.stop()


def test_whoever_is_asked_tells_of_all(tmp_path: Path) -> None:
    with processes(tmp_path, 3) as running:
        for process, n in zip(running, (1, 10, 100), strict=True):
            process.counted = n
            process.recorder.record()
        assert [process.told() for process in running] == [(111, 3)] * 3


def test_it_knows_its_own_newest_and_what_it_told_is_known_to_the_next(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (first, second):
        first.counted = 5
        assert first.told() == (5, 2)
        assert second.told() == (5, 2)


def test_floats_sum_to_the_same_whoever_is_asked(tmp_path: Path) -> None:
    """0.1 + (0.2 + 0.3) is less than (0.1 + 0.2) + 0.3: Prometheus would see a counter that fell to 0."""
    with processes(tmp_path, 3) as running:
        for process, n in zip(running, (0.1, 0.2, 0.3), strict=True):
            process.counted = n
            process.recorder.record()
        assert len({process.told() for process in running}) == 1


def test_what_stopped_processes_counted_stays_with_more_workers_and_with_fewer(tmp_path: Path) -> None:
    with processes(tmp_path, 3) as running:
        for process in running:
            process.counted = 10
    with processes(tmp_path, 1) as (only,):
        assert only.told() == (30, 1)
        only.counted = 1
    with processes(tmp_path, 4) as running:
        assert [process.told() for process in running] == [(31, 4)] * 4


def test_the_file_is_written_in_the_background(tmp_path: Path) -> None:
    writing, asked = Process(tmp_path, interval=0.01), Process(tmp_path)
    writing.counted = 3
    until(lambda: asked.told()[0] == 3)
    writing.recorder.stop()
    asked.recorder.stop()


def test_an_unwritable_folder_is_told_once_and_the_process_tells_of_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "metrics").write_text("a file stands where the folder should be")
    with caplog.at_level(logging.INFO, "mlserve.metrics"), processes(tmp_path / "metrics", 1) as (only,):
        only.counted = 4
        assert only.told() == only.told() == (4, 1)
        (tmp_path / "metrics").unlink()
        assert only.told() == (4, 1)
    assert [record.message for record in caplog.records] == ["metrics_unwritable", "metrics_back"]
    with processes(tmp_path / "metrics", 1) as (after,):
        assert after.told() == (4, 1)


def test_a_folder_that_was_removed_comes_back_with_what_was_counted(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    with processes(folder, 1) as (process,):
        process.counted = 5
        process.recorder.record()
        shutil.rmtree(folder)
        assert process.told() == (5, 1)
        process.counted = 6
        process.recorder.record()
        assert (folder / "slot-0.json").exists()
        assert process.told() == (6, 1)
    with processes(folder, 1) as (after,):
        assert after.told() == (6, 1)


def test_a_file_that_cannot_be_replaced_stops_no_scrape(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with processes(tmp_path, 2) as (first, second):
        first.counted = 2
        first.told()
        (tmp_path / "slot-1.json").unlink()
        (tmp_path / "slot-1.json").mkdir()
        second.counted = 3
        assert second.told() == (5, 2)
        assert first.told() == (2, 1)
        (tmp_path / "slot-1.json").rmdir()


def test_a_child_lets_go_of_the_slot_of_its_parent(tmp_path: Path) -> None:
    parent = Process(tmp_path)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        parent.recorder.disown()
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    try:
        parent.counted = 1
        assert parent.told() == (1, 1)
        with processes(tmp_path, 1) as (other,):
            assert other.told() == (1, 2)
            parent.recorder.stop()
            until(lambda: other.told() == (1, 1))  # The child lives, and holds nothing.
    finally:
        os.close(writer)
        os.waitpid(child, 0)


def test_a_stopped_process_that_is_asked_tells_of_all_and_writes_nothing(tmp_path: Path) -> None:
    """An application inside another is asked on after its stop: the slot may be somebody else's by then."""
    with processes(tmp_path, 1) as (stopped,):
        stopped.counted = 1
    assert stopped.told() == (1, 1)
    with processes(tmp_path, 1) as (next_holder,):
        next_holder.counted = 100
        next_holder.recorder.record()
        assert stopped.told() == (101, 2)
        stopped.recorder.record()
        with processes(tmp_path, 1) as (third,):
            assert third.told() == (101, 2)
    assert {path.name for path in tmp_path.glob("*.json")} == {"slot-0.json", "slot-1.json"}


def test_stopping_while_many_ask_counts_nothing_twice(tmp_path: Path) -> None:
    process, found = Process(tmp_path), list[float]()
    process.counted = 7
    process.recorder.record()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            found.append(process.told()[0])

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    until(lambda: len(found) > 20)
    process.recorder.stop()
    before = len(found)
    until(lambda: len(found) > before + 20)
    over.set()
    for thread in asking:
        thread.join()
    assert set(found) == {7}


def test_the_thread_outlives_what_fails_in_reading_and_tells_it_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writing, asked = Process(tmp_path, interval=0.001), Process(tmp_path)
    writing.wrong = TypeError("no number")
    until(lambda: "metrics_failed" in caplog.messages)
    writing.wrong, writing.counted = None, 3
    until(lambda: asked.told()[0] == 3)
    writing.recorder.stop()
    asked.recorder.stop()
    assert caplog.messages.count("metrics_failed") == 1


def test_the_slot_is_freed_even_where_reading_fails(tmp_path: Path) -> None:
    process = Process(tmp_path)
    process.wrong = TypeError("no number")
    with pytest.raises(TypeError):
        process.recorder.stop()
    with processes(tmp_path, 1):
        assert {path.name for path in tmp_path.glob("*.lock")} == {"slot-0.lock"}


def test_whoever_serves_nobody_tells_of_the_servers_and_leaves_nothing(tmp_path: Path) -> None:
    command = NullRecorder(tmp_path / "metrics")
    command.start()
    assert command.collect() == Snapshot()
    assert not (tmp_path / "metrics").exists()
    with processes(tmp_path / "metrics", 2) as (first, _):
        first.counted = 3
        first.recorder.record()
        found = command.collect()
        assert found.counters[DROPS] == [((), 3)]
        assert found.gauges["mlserve_workers"] == [((), 2)]
        command.disown()
        command.stop()
        assert first.told() == (3, 2)


def test_the_null_recorder_has_what_the_application_asks_of_the_real_one() -> None:
    for name in ("start", "stop", "disown", "collect"):
        assert inspect.signature(getattr(NullRecorder, name)) == inspect.signature(getattr(Recorder, name))
