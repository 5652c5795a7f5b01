"""The backlog is counted exactly, cheaply, and still shown while the database is down."""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlserve.db.engine import Database, open_database
from mlserve.ids import first_id
from mlserve.observability.health import Degraded
from mlserve.predictions.record import encode
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.gauge import Backlog, SpoolGauge, late_after
from mlserve.predictions.spool.set_aside import set_aside
from mlserve.predictions.spool.writer import SpoolWriter
from tests.unit.predictions.factories import new_id, record, shipper, spool


def test_an_absent_spool_has_no_backlog(tmp_path: Path, database: Database) -> None:
    assert SpoolGauge(tmp_path / "absent", database).read() == Backlog()


def test_the_backlog_grows_with_records_and_shrinks_with_shipping(tmp_path: Path, database: Database) -> None:
    gauge, writer = SpoolGauge(tmp_path, database), SpoolWriter(tmp_path, 3000)
    size = 0
    for number in range(1, 6):
        payload = encode(record())
        size += len(payload) + 8
        writer.append(payload)
        now = gauge.read()
        assert (now.backlog_records, now.backlog_bytes, now.set_aside, now.known) == (number, size, 0, True)
    assert 0 < gauge.read().lag_seconds < 60
    shipper(tmp_path, database).run_once()
    assert gauge.read() == Backlog()
    writer.append(encode(record()))
    assert gauge.read().backlog_records == SpoolGauge(tmp_path, database).read().backlog_records == 1
    writer.close()


@pytest.mark.parametrize(("age", "state"), [(59, "well"), (61, "late")])
def test_a_record_that_waits_too_long_is_told(tmp_path: Path, database: Database, age: float, state: str) -> None:
    now = time.time()
    spool(tmp_path, [record(id=first_id(datetime.fromtimestamp(now - age, UTC)))])
    gauge = SpoolGauge(tmp_path, database, late_after(0.2))
    found = gauge.read().as_dict()
    if state == "well":
        assert gauge.judged(found) == found
    else:
        with pytest.raises(Degraded) as caught:
            gauge.judged(found)
        assert caught.value.args[0] == found | {"reason": "The oldest record waits too long for the shipper."}
    shipper(tmp_path, database).run_once()
    assert gauge.judged(gauge.read().as_dict())["lag_seconds"] == 0


def test_threads_that_read_at_once_see_the_same(tmp_path: Path, database: Database) -> None:
    spool(tmp_path, [record() for _ in range(500)], segment_size=10_000)
    gauge, ready = SpoolGauge(tmp_path, database), threading.Barrier(4)
    seen: list[int] = []

    def read() -> None:
        ready.wait()
        seen.extend(gauge.read().backlog_records for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [500] * 20


def test_the_lag_is_the_age_of_the_oldest_unshipped_record(tmp_path: Path, database: Database) -> None:
    old = record(id="01890a5d-ac96-774b-bcce-b302099a8057")
    spool(tmp_path, [old])
    assert SpoolGauge(tmp_path, database).read().lag_seconds > 1e7


def test_set_aside_records_are_no_backlog_but_counted(tmp_path: Path, database: Database) -> None:
    writer = SpoolWriter(tmp_path, 1 << 20)
    writer.append(b"poison")
    writer.append(encode(record()))
    gauge = SpoolGauge(tmp_path, database)
    assert gauge.read().backlog_records == 2
    shipper(tmp_path, database).run_once()
    writer.append(encode(record()))
    assert (gauge.read().backlog_records, gauge.read().set_aside) == (1, 1)
    set_aside(tmp_path, new_id(), 0, b"more", "broken")
    assert gauge.read().set_aside == 2
    writer.close()


def test_without_the_database_the_last_places_are_used(tmp_path: Path, database: Database) -> None:
    folder = tmp_path / "spool"
    spool(folder, [record(), record()])
    (folder / "shipper.lock").touch()
    nowhere = open_database(f"sqlite:///{folder}/shipper.lock/none.db")
    unknown = SpoolGauge(folder, nowhere).read()
    assert (unknown.backlog_records, unknown.known) == (2, False)
    shipper(folder, database).run_once()
    gauge = SpoolGauge(folder, database)
    gauge.read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gauge, "_database", nowhere)
        assert (gauge.read().backlog_records, gauge.read().known) == (0, True)
    nowhere.close()


def damaged(folder: Path, position: int) -> None:
    (segment,) = reader.segments(folder)
    with segment.path.open("r+b") as file:
        file.seek(position)
        file.write(b"\0")


def test_damage_in_a_living_segment_hides_no_backlog_and_leaves_no_phantom(tmp_path: Path, database: Database) -> None:
    writer, gauge = SpoolWriter(tmp_path, 1 << 20), SpoolGauge(tmp_path, database)
    first, *others = [record(id="01890a5d-ac96-774b-bcce-b302099a8057"), *(record() for _ in range(3))]
    lost = record()
    writer.append(encode(lost))
    damaged(tmp_path, 20)
    for one in (first, *others):
        writer.append(encode(one))
    seen = gauge.read()
    assert (seen.backlog_records, seen.lag_seconds > 1e7) == (4, True)
    shipper(tmp_path, database).run_once()
    writer.append(encode(record()))
    assert gauge.read().backlog_records == SpoolGauge(tmp_path, database).read().backlog_records == 1
    writer.close()


def test_a_segment_cut_below_its_place_counts_as_backlog_again(tmp_path: Path, database: Database) -> None:
    writer, gauge, one = SpoolWriter(tmp_path, 1 << 20), SpoolGauge(tmp_path, database), shipper(tmp_path, database)
    for _ in range(3):
        writer.append(encode(record()))
    one.run_once()
    writer.append(encode(record()))
    assert gauge.read().backlog_records == 1
    (segment,) = reader.segments(tmp_path)
    os.truncate(segment.path, 0)
    writer.append(encode(record()))
    assert gauge.read().backlog_records == SpoolGauge(tmp_path, database).read().backlog_records == 1
    one.run_once()
    assert gauge.read() == Backlog()
    writer.append(encode(record()))
    assert gauge.read().backlog_records == 1
    writer.close()
