"""The ways of the log: the same rows, durable on return, refused in a clear way."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select, text

from mlserve.db.engine import Database, open_database
from mlserve.db.failures import reason_of
from mlserve.errors import DatabaseUnavailable, IdempotencyKeyReused, LogUnavailable
from mlserve.observability.counters import Counters
from mlserve.predictions.log import NullLog, PredictionLog, SpoolLog, SqlLog, open_log
from mlserve.predictions.record import PredictionRecord, encode
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.gauge import SpoolGauge
from mlserve.predictions.tables import predictions
from tests.unit.predictions.factories import new_id, no_tables, record, shipper, spool


@pytest.fixture(params=["sql", "process"])
def log(request: pytest.FixtureRequest, tmp_path: Path, database: Database) -> Iterator[PredictionLog]:
    opened = open_log(request.param, database, tmp_path / "spool", tables=no_tables(database), counters=Counters())
    yield opened
    opened.close()


@pytest.fixture
def unusable(tmp_path: Path) -> Iterator[Database]:
    """A database that can never be opened: its folder is a file."""
    (tmp_path / "file").touch()
    database = open_database(f"sqlite:///{tmp_path}/file/mlserve.db")
    yield database
    database.close()


def rows(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        found = connection.execute(select(predictions).order_by(predictions.c.id)).mappings()
        return [{name: value for name, value in row.items() if name != "stored_at"} for row in found]


def test_a_kept_record_is_found_at_once(log: PredictionLog) -> None:
    for _ in range(3):
        one = record(reference="x")
        log.keep(one)
        assert log.find(one.id) == one


@pytest.mark.parametrize("unknown", ["01a20595-3a62-7313-b868-974491b4e850", "", "x", "../..", "1" * 36, "\x00"])
def test_what_was_never_kept_is_not_found(log: PredictionLog, unknown: str) -> None:
    log.keep(record())
    assert log.find(unknown) is None
    assert log.known([unknown]) == {}


def test_many_are_known_at_once_wherever_they_are(log: PredictionLog, tmp_path: Path, database: Database) -> None:
    records = [record(n=number) for number in range(1, 1200)]
    for one in records[:600]:
        log.keep(one)
    shipper(tmp_path / "spool", database).run_once()
    for one in records[600:]:
        log.keep(one)
    known = log.known([one.id for one in records] + [new_id()])
    assert {one.id: known[one.id].n for one in records} == {one.id: one.n for one in records}
    assert len(known) == len(records)


def test_a_record_is_found_by_whoever_looks_while_it_moves(tmp_path: Path, database: Database) -> None:
    """Segments turn over and vanish as soon as they are shipped; no look may fall between two stools."""
    log = spool_log(tmp_path, database, segment_size=2000)
    moving = shipper(tmp_path, database, interval=0.001, keep=0)
    moving.start()
    for _ in range(80):
        one = record()
        log.keep(one)
        assert log.find(one.id) == one
    assert moving.stop(grace=30) == 0
    log.close()


def spool_log(folder: Path, database: Database, segment_size: int = 1 << 20) -> PredictionLog:
    return open_log(
        "process", database, folder, segment_size=segment_size, tables=no_tables(database), counters=Counters()
    )


names = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
varied = st.fixed_dictionaries(
    {"version": st.integers(1, 2**31 - 1), "n": st.integers(1, 2**31 - 1), "duration_us": st.integers(0, 2**63 - 1)},
    optional={
        "reference": names,
        "caller": names,
        "created_at": st.integers(0, 4_000_000_000_000_000),
        "bucket": st.floats(0, 1),
        "alias": st.none(),
        "arm": names,
        "warnings": st.just([{"output": "p", "instance": 0, "code": "non_finite", "value": "inf"}]),
        "not_kept": st.dictionaries(names, st.sampled_from(["hash", "omit"]), max_size=3),
        "inputs": st.lists(st.dictionaries(names, st.floats(allow_nan=False, allow_infinity=False) | names)).map(
            lambda value: msgspec.Raw(msgspec.json.encode(value))
        ),
    },
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(varied, min_size=1, max_size=12))
def test_every_way_leaves_the_same_rows(tmp_path: Path, database: Database, fields: list[dict[str, Any]]) -> None:
    records = [record(**one) for one in fields]
    left: list[list[dict[str, Any]]] = []
    for way in ("sql", "process", "host"):
        log = open_log(way, database, tmp_path / "spool", tables=no_tables(database), counters=Counters())
        for one in records:
            log.keep(one)
        log.close()
        moving = shipper(tmp_path / "spool", database, keep=0)
        moving.run_once()
        moving.run_once()
        moving.stop(0)
        moving._lock.release()
        left.append(rows(database))
        with database.write() as connection:
            connection.execute(delete(predictions))
    assert len(left[0]) == len(records)
    assert left[0] == left[1] == left[2]


def keyed(key: str = "k-1", body: str = "body", **changed: Any) -> PredictionRecord:
    return record(idempotency_key=key, body_digest=body, **changed)


def test_a_key_that_came_before_gives_the_first_record(log: PredictionLog) -> None:
    first = keyed()
    assert log.keep_once(first) == first
    assert log.keep_once(keyed()) == first
    assert log.find(first.id) == first


def test_keys_of_other_callers_and_models_are_other_keys(log: PredictionLog, database: Database) -> None:
    for one in (keyed(), keyed(caller="shop"), keyed(model="other"), keyed(key="k-2")):
        assert log.keep_once(one) == one
    assert len(rows(database)) == 4


def test_another_body_under_the_same_key_is_refused(log: PredictionLog, database: Database) -> None:
    log.keep_once(keyed())
    with pytest.raises(IdempotencyKeyReused, match="'k-1' came before with another body"):
        log.keep_once(keyed(body="another"))
    assert len(rows(database)) == 1


def test_of_requests_at_the_same_time_one_is_kept(log: PredictionLog, database: Database) -> None:
    answers: list[str] = []
    ready = threading.Barrier(6)

    def ask() -> None:
        ready.wait()
        answers.append(log.keep_once(keyed()).id)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert answers[0:1] * 6 == answers
    assert len(rows(database)) == 1


def test_a_keyed_record_never_sees_the_spool(tmp_path: Path, database: Database) -> None:
    log = spool_log(tmp_path / "spool", database)
    log.keep_once(keyed())
    assert reader.segments(tmp_path / "spool") == []
    assert len(rows(database)) == 1


def test_a_record_without_a_key_is_a_mistake_of_the_caller(log: PredictionLog) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        log.keep_once(record())


def test_without_the_database_a_spool_keeps_on_and_only_reading_fails(tmp_path: Path, unusable: Database) -> None:
    log, one = spool_log(tmp_path / "spool", unusable), record()
    log.keep(one)
    assert list(reader.unshipped(tmp_path / "spool", {})) == [encode(one)]
    for failing in (lambda: log.find(one.id), lambda: log.known([one.id]), lambda: log.keep_once(keyed())):
        with pytest.raises(DatabaseUnavailable):
            failing()
    assert log.state() == {"way": "process"}
    log.close()


def test_where_nothing_is_shipped_the_log_shows_what_waits(tmp_path: Path, database: Database) -> None:
    gauge = SpoolGauge(tmp_path, database)
    log = open_log("process", database, tmp_path, tables=no_tables(database), counters=Counters(), gauge=gauge)
    log.keep(record())
    state = log.state()
    assert (state["way"], state["backlog_records"], state["known"]) == ("process", 1, True)
    log.close()


@pytest.mark.parametrize("way", ["sql", "off"])
def test_what_another_way_left_in_the_spool_is_shown_where_nothing_is_shipped(
    tmp_path: Path, database: Database, way: str
) -> None:
    spool(tmp_path, [record(), record()])
    log = open_log(
        way, database, tmp_path, tables=no_tables(database), counters=Counters(), gauge=SpoolGauge(tmp_path, database)
    )
    state = log.state()
    assert (state["way"], state["backlog_records"], state["known"]) == (way, 2, True)
    log.close()


def test_without_the_database_the_sql_way_refuses(unusable: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot be "):
        SqlLog(unusable, tables=no_tables(unusable), counters=Counters()).keep(record())


def test_by_setting_an_unkept_prediction_is_answered_and_counted(tmp_path: Path, unusable: Database) -> None:
    counters = Counters()
    SqlLog(unusable, tables=no_tables(unusable), answer_unkept=True, counters=counters).keep(record())
    log = open_log(
        "process",
        unusable,
        tmp_path / "file" / "spool",
        answer_unkept=True,
        tables=no_tables(unusable),
        counters=counters,
    )
    assert isinstance(log, SpoolLog)
    log.keep(record())
    assert counters.read() == {"log_drops": 2}


def test_a_record_that_the_database_refuses_is_not_answered(log: PredictionLog, database: Database) -> None:
    with pytest.raises(LogUnavailable, match="refuses"):
        log.keep_once(keyed(duration_us=2**70))
    assert rows(database) == []


def test_a_full_disk_under_sqlite_is_refused_and_nothing_is_claimed(tmp_path: Path, database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL's disk is its own")

    @event.listens_for(database.engine, "connect")
    def _fill(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    log = SqlLog(database, tables=no_tables(database), counters=Counters())
    with pytest.raises(DatabaseUnavailable, match="cannot be used") as caught:
        for _ in range(1000):
            log.keep(one := record())
    assert "full" in reason_of(caught.value)
    assert log.find(one.id) is None


def test_a_lock_that_another_process_holds_for_a_while_is_waited_for(database: Database, database_url: str) -> None:
    other = open_database(database_url)
    log, one = SqlLog(database, tables=no_tables(database), counters=Counters()), record()
    holding, waiting = threading.Event(), threading.Event()

    def hold() -> None:
        with other.write() as connection:
            connection.execute(text("DELETE FROM predictions"))
            if database.dialect == "postgresql":
                connection.execute(text("LOCK TABLE predictions"))
            holding.set()
            waiting.wait(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait()
    log.keep(one)
    holder.join()
    assert log.find(one.id) == one
    other.close()


def connections_taken(database: Database) -> list[None]:
    """Grows by one whenever a transaction takes a connection."""
    taken: list[None] = []
    event.listen(database.engine, "checkout", lambda *_: taken.append(None))
    return taken


def test_a_lock_that_is_held_for_too_long_is_a_clean_error_after_one_wait(
    database: Database, database_url: str
) -> None:
    short = open_database(database_url, timeout=0.1)
    log, taken = SqlLog(short, tables=no_tables(short), counters=Counters()), connections_taken(short)
    with database.write() as connection:
        connection.execute(text("DELETE FROM predictions"))
        if database.dialect == "postgresql":
            connection.execute(text("LOCK TABLE predictions"))
        with pytest.raises(DatabaseUnavailable, match="is locked by other writers"):
            log.keep(record())
    assert len(taken) == 1
    log.keep(record())
    short.close()


def test_a_connection_that_broke_while_it_was_idle_is_replaced(database: Database, database_url: str) -> None:
    if database.dialect == "sqlite":
        pytest.skip("a file has no connection that breaks")
    log, one = SqlLog(database, tables=no_tables(database), counters=Counters()), record()
    with database.read() as connection:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    other = open_database(database_url)
    with other.read() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:process, 10000)"), {"process": process})
    taken = connections_taken(database)
    log.keep(one)
    assert len(taken) == 2
    assert log.find(one.id) == one
    other.close()


def test_the_null_log_keeps_keyed_predictions_only_and_has_the_same_methods(tmp_path: Path, database: Database) -> None:
    log = open_log("off", database, tmp_path, tables=no_tables(database), counters=Counters())
    one, plain = keyed(), record()
    log.keep(plain)
    assert (log.find(plain.id), log.known([plain.id]), log.state()) == (None, {}, {"way": "off"})
    assert log.keep_once(one) == one
    assert log.find(one.id) == one
    log.close()
    public = {name for name in vars(PredictionLog) if not name.startswith("_")}
    for way in (SqlLog, SpoolLog, NullLog):
        assert public <= set(dir(way))
    assert [row["id"] for row in rows(database)] == [one.id]
    assert list(tmp_path.glob("*.open")) == []
