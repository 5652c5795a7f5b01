"""A slot has one living holder; what it counted outlives it; a damaged file stops nobody."""

import logging
import os
from pathlib import Path

import pytest

from mlserve.observability.metrics import slots
from mlserve.observability.metrics.snapshot import Snapshot

ONE = Snapshot(counters={"mlserve_log_drops_total": [((), 1.0)]}, gauges={"mlserve_ready": [((), 1.0)]})


def test_each_takes_the_first_that_is_free(tmp_path: Path) -> None:
    first, second = slots.take(tmp_path)[0], slots.take(tmp_path)[0]
    assert [first.path.name, second.path.name] == ["slot-0.json", "slot-1.json"]
    first.release()
    assert slots.take(tmp_path)[0].path.name == "slot-0.json"


def test_who_takes_a_slot_goes_on_from_what_its_predecessor_counted(tmp_path: Path) -> None:
    slot, before = slots.take(tmp_path)
    assert before == Snapshot()
    slot.write(ONE)
    slot.release()
    assert slots.take(tmp_path)[1] == ONE.lasting()


def test_of_the_others_the_living_tell_all_and_the_dead_what_lasts(tmp_path: Path) -> None:
    held = [slots.take(tmp_path)[0] for _ in range(3)]
    for slot in held:
        slot.write(ONE)
    own, dead, alive = held
    dead.release()
    assert slots.read_others(tmp_path, own) == {dead.path: ONE.lasting(), alive.path: ONE}
    assert slots.read_others(tmp_path, alive) == {own.path: ONE, dead.path: ONE.lasting()}


def test_a_slot_without_its_lock_file_is_dead(tmp_path: Path) -> None:
    (tmp_path / "slot-7.json").write_bytes(b'{"v":1,"gauges":{"mlserve_ready":[[[],1]]}}')
    assert slots.read_others(tmp_path, None) == {tmp_path / "slot-7.json": Snapshot()}


def test_asking_leaves_the_slot_free(tmp_path: Path) -> None:
    slot, _ = slots.take(tmp_path)
    slot.write(ONE)
    slot.release()
    slots.read_others(tmp_path, None)
    assert slots.take(tmp_path)[0].path == slot.path


def test_files_are_the_server_s_own(tmp_path: Path) -> None:
    slot, _ = slots.take(tmp_path / "metrics")
    slot.write(ONE)
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "metrics").iterdir()} == {
        "slot-0.json": 0o600,
        "slot-0.lock": 0o600,
    }
    assert (tmp_path / "metrics").stat().st_mode & 0o777 == 0o700


TOO_MUCH = b'{"v":1,"counters":{"mlserve_log_drops_total":[[[],1e308]]}}'


@pytest.mark.parametrize("content", [b"", b"{", b'{"v":99}', b"\xff" * 100, TOO_MUCH])
def test_a_damaged_file_of_a_dead_slot_is_set_aside_and_told(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "slot-0.json").write_bytes(content)
    with caplog.at_level(logging.ERROR, "mlserve.metrics"):
        assert slots.read_others(tmp_path, None) == {}
    assert [record.message for record in caplog.records] == ["metrics_damaged"]
    assert (tmp_path / "slot-0.damaged").read_bytes() == content
    assert slots.read_others(tmp_path, None) == {}
    assert slots.take(tmp_path)[1] == Snapshot()


def test_a_damaged_file_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / "slot-0.json").write_bytes(b"oops")
    slot, before = slots.take(tmp_path)
    assert before == Snapshot()
    slot.write(ONE)
    assert (tmp_path / "slot-0.damaged").exists()


def test_what_is_no_file_stops_no_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slot-0.json")
    (tmp_path / "slot-1.json").symlink_to(tmp_path / "elsewhere")
    assert slots.read_others(tmp_path, None) == {}
    assert slots.take(tmp_path)[1] == Snapshot()


def test_a_damaged_file_of_a_living_process_is_left_to_it(tmp_path: Path) -> None:
    slot, _ = slots.take(tmp_path)
    slot.path.write_bytes(b"oops")
    assert slots.read_others(tmp_path, None) == {}
    assert slot.path.exists()
    slot.write(ONE)
    assert slots.read_others(tmp_path, None) == {slot.path: ONE}
