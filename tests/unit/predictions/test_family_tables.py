"""Explanations are kept with their predictions, by every way of the log, and never lost in silence."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlserve_linear.contributions import LinearContributions
from sqlalchemy import delete, event, insert, select, text

from mlserve.db.engine import Database
from mlserve.errors import DatabaseUnavailable, LogUnavailable
from mlserve.observability.counters import Counters
from mlserve.predictions import retention
from mlserve.predictions.family_tables import FamilyTables, Refused
from mlserve.predictions.log import PredictionLog, open_log
from mlserve.predictions.record import PredictionRecord, decode, encode
from mlserve.predictions.spool.set_aside import set_aside_names
from mlserve.predictions.spool.writer import SpoolWriter
from mlserve.predictions.tables import predictions, spool_positions
from tests.unit.predictions.factories import (
    contributions,
    explained,
    family_tables,
    read_set_aside,
    record,
    shipper,
    spool,
)


@pytest.fixture
def tables(database: Database) -> FamilyTables:
    return family_tables(database)


@pytest.fixture(params=["sql", "process"])
def log(
    request: pytest.FixtureRequest, tmp_path: Path, database: Database, tables: FamilyTables
) -> Iterator[PredictionLog]:
    opened = open_log(request.param, database, tmp_path / "spool", tables=tables, counters=Counters())
    yield opened
    opened.close()


def ids(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(select(predictions.c.id).order_by(predictions.c.id)))


def value(one: PredictionRecord | None, log: PredictionLog | None = None) -> tuple[PredictionRecord, Any]:
    """A record without its explanation, and that as a value: texts of one value may differ in their spaces. With `log`,
    the explanation is the one that it has stored.
    """
    assert one is not None
    explanation = one.explanation if log is None else log.explanation(one)
    fields = {name: getattr(one, name) for name in one.__struct_fields__ if name != "explanation_text"}
    return PredictionRecord(**fields), None if explanation is None else msgspec.json.decode(explanation)


def ship(folder: Path, database: Database, tables: FamilyTables, counters: Counters | None = None) -> int:
    moving = shipper(folder, database, counters, tables=tables, keep=0)
    try:
        return moving.run_once()
    finally:
        moving._lock.release()


def test_the_payload_holds_the_explanation_and_the_row_does_not() -> None:
    one = explained(2)
    assert decode(encode(one)) == one
    assert b"explanation" not in encode(record())
    assert "explanation" not in predictions.c


def test_an_explanation_is_found_at_once_and_after_it_was_shipped(
    log: PredictionLog, tmp_path: Path, database: Database, tables: FamilyTables
) -> None:
    made = [explained(2), record(family="linear"), record()]
    for one in made:
        log.keep(one)
    assert [value(log.find(one.id), log) for one in made] == [value(one) for one in made]
    ship(tmp_path / "spool", database, tables)
    assert [value(log.find(one.id), log) for one in made] == [value(one) for one in made]
    assert [row["instance"] for row in contributions(database)] == [0, 1]


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.lists(st.tuples(numbers, numbers, st.dictionaries(st.sampled_from("xyz"), numbers, max_size=3)), max_size=4)


def of_values(values: list[tuple[Any, Any, Any]] | None) -> PredictionRecord:
    if values is None:
        return record(family="linear")
    instances = [
        {"blocks": [{"name": None, "margin": margin, "bias": bias, "contributions": terms}]}
        for margin, bias, terms in values
    ]
    text = msgspec.json.encode({"method": "terms", "scale": "value", "instances": instances})
    return record(family="linear", explanation=msgspec.Raw(text))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | texts, min_size=1, max_size=40))
def test_every_way_leaves_the_same_rows(
    tmp_path: Path, database: Database, tables: FamilyTables, values: list[Any]
) -> None:
    """One transaction a record, inserts of many together, and COPY where the database has it."""
    records = [of_values(one) for one in values]
    left = []
    for way in ("sql", "process"):
        log = open_log(way, database, tmp_path / "spool", tables=tables, counters=Counters())
        for one in records:
            log.keep(one)
        log.close()
        ship(tmp_path / "spool", database, tables)
        ship(tmp_path / "spool", database, tables)
        left.append((ids(database), contributions(database)))
        with database.write() as connection:
            connection.execute(delete(predictions))
            connection.execute(delete(LinearContributions.table))
    assert left[0] == left[1]
    assert left[0][0] == [one.id for one in records]
    assert len(left[0][1]) == sum(len(one or ()) for one in values)


def test_of_one_key_there_is_one_explanation(log: PredictionLog, database: Database) -> None:
    first, second = (explained(idempotency_key="k", body_digest="b") for _ in range(2))
    assert log.keep_once(first) is first
    assert value(log.keep_once(second), log) == value(first)
    assert value(log.keyed("", first.model, "k", "b"), log) == value(first)
    assert {row["prediction_id"] for row in contributions(database)} == {first.id}


def test_the_way_off_keeps_the_explanation_of_a_keyed_prediction_only(
    tmp_path: Path, database: Database, tables: FamilyTables
) -> None:
    log = open_log("off", database, tmp_path, tables=tables, counters=Counters())
    log.keep(explained())
    assert contributions(database) == []
    one = explained(idempotency_key="k", body_digest="b")
    log.keep_once(one)
    assert value(log.find(one.id), log) == value(one)


def test_the_rows_come_back_in_the_order_of_their_key_however_they_were_inserted(
    database: Database, tables: FamilyTables
) -> None:
    one = explained(40)
    rows = tables.rows(one)
    assert rows is not None
    with database.write() as connection:
        for row in reversed(rows.rows):
            connection.execute(insert(rows.table), [row])
    with database.read() as connection:
        text = tables.explanation(connection, one)
    assert text is not None
    assert msgspec.json.decode(text) == value(one)[1]


class Illegible(LinearContributions):
    """Gives back something else than an explanation, or nothing."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def explanation(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        return self.given if isinstance(self.given, bytes) else bytes(rows[self.given])


@pytest.mark.parametrize(
    "given", ["bias", b"{", b"{}", b"[1]", b'{"method":"m","scale":"s","instances":[]}', b'{"method":"\xff"}']
)
def test_what_the_family_cannot_read_is_no_explanation_and_is_told(
    database: Database, tables: FamilyTables, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(
        "sql",
        database,
        Path("nowhere"),
        tables=FamilyTables({"linear": Illegible(given)}, database.dialect),
        counters=Counters(),
    )
    one = explained(2)
    log.keep(one)
    found = log.find(one.id)
    assert value(found)[1] is None  # Reading the prediction alone asks no plugin.
    assert caplog.messages == []
    assert value(found, log)[1] is None
    (told,) = caplog.records
    assert (told.getMessage(), vars(told)["fields"]) == (
        "explanation_unreadable",
        {"prediction": one.id, "family": "linear"},
    )


def test_a_database_that_fails_is_no_mistake_of_the_family(database: Database, tables: FamilyTables) -> None:
    log = open_log("sql", database, Path("nowhere"), tables=tables, counters=Counters())
    one = explained()
    log.keep(one)
    found = log.find(one.id)
    assert found is not None
    with database.write() as connection:
        connection.execute(text("ALTER TABLE linear_contributions RENAME TO elsewhere"))
    with pytest.raises(DatabaseUnavailable):
        log.explanation(found)


def test_prediction_and_explanation_are_kept_together_or_not_at_all(database: Database, tables: FamilyTables) -> None:
    log = open_log("sql", database, Path("nowhere"), tables=tables, counters=Counters())
    with database.write() as connection:
        connection.execute(text("ALTER TABLE linear_contributions RENAME TO elsewhere"))
    with pytest.raises(DatabaseUnavailable, match=r"tables are not those of this version|cannot be used"):
        log.keep(explained())
    assert ids(database) == []
    with database.write() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO linear_contributions"))
    for broken in (explained(explanation=msgspec.Raw(b"{}")), explained(family="gone")):
        with pytest.raises(LogUnavailable, match="refuses the prediction's record"):
            log.keep(broken)
    assert (ids(database), contributions(database)) == ([], [])


def test_what_is_shipped_twice_is_there_once(tmp_path: Path, database: Database, tables: FamilyTables) -> None:
    records = [explained(3) for _ in range(50)]
    spool(tmp_path, records)
    ship(tmp_path, database, tables)
    before = contributions(database)
    with database.write() as connection:
        connection.execute(spool_positions.delete())
        gone = [one.id for one in records[::3]]
        connection.execute(delete(predictions).where(predictions.c.id.in_(gone)))
        tables.delete(connection, gone)
    spool(tmp_path, records)
    ship(tmp_path, database, tables)
    assert ids(database) == [one.id for one in records]
    assert contributions(database) == before
    assert len(before) == 150
    assert set_aside_names(tmp_path) == []


class Poisonous(LinearContributions):
    """Refuses in each way that a plugin's table can, by the record's reference."""

    def rows(self, record: PredictionRecord) -> list[dict[str, Any]]:
        rows = super().rows(record)
        if record.reference == "raises":
            raise ZeroDivisionError("a mistake of the plugin")
        if record.reference == "column":
            return [{**row, "colour": 1} for row in rows]
        if record.reference == "null":
            return [{**row, "contributions": None} for row in rows]
        if record.reference == "text":
            return [{**row, "instance": None} for row in rows]
        return rows


@pytest.mark.parametrize("good", [3, 60])
def test_an_explanation_that_no_table_takes_is_set_aside_and_its_prediction_shipped(
    tmp_path: Path, database: Database, tables: FamilyTables, good: int, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = {
        "raises": "a mistake of the plugin",
        "column": "have other columns than table linear_contributions",
        "null": "contributions",
        "text": "",
    }
    well = [explained(2) for _ in range(good)]
    bad = {reason: explained(reference=reason) for reason in reasons} | {"gone": explained(family="gone")}
    reasons["gone"] = "no enabled plugin brings a table for the explanations of family gone"
    records = [*well[: good // 2], *bad.values(), *well[good // 2 :]]
    spool(tmp_path, records)
    counters = Counters()
    poisonous = FamilyTables({"linear": Poisonous()}, database.dialect)
    assert ship(tmp_path, database, poisonous, counters) == len(records)
    assert sorted(ids(database)) == sorted(one.id for one in records)
    assert {row["prediction_id"] for row in contributions(database)} == {one.id for one in well}
    assert set_aside_names(tmp_path) == sorted(one.id for one in bad.values())
    for name, one in bad.items():
        header, payload = read_set_aside(tmp_path, one.id)
        assert header.reason.startswith("its explanation: ")
        assert reasons[name] in header.reason
        assert payload == encode(one)
    assert counters.read() == {"records_shipped": len(records), "records_set_aside": 0, "explanations_set_aside": 5}
    told = [found for found in caplog.records if found.getMessage() == "explanation_set_aside"]
    assert {vars(found)["fields"]["record"] for found in told} == {one.id for one in bad.values()}


def test_a_poisoned_record_takes_its_explanation_with_it(
    tmp_path: Path, database: Database, tables: FamilyTables
) -> None:
    one, bad = explained(), explained(duration_us=2**40)
    spool(tmp_path, [one])
    payload = encode(bad).replace(str(2**40).encode(), b"9" * 30)
    writer = SpoolWriter(tmp_path, 1 << 20)
    writer.append(payload)
    writer.close()
    counters = Counters()
    ship(tmp_path, database, tables, counters)
    assert ids(database) == [one.id]
    assert {row["prediction_id"] for row in contributions(database)} == {one.id}
    assert counters.read() == {"records_shipped": 1, "records_set_aside": 1}


def test_a_transaction_that_fails_leaves_neither_rows_nor_a_place(
    tmp_path: Path, database: Database, tables: FamilyTables
) -> None:
    spool(tmp_path, [explained(2) for _ in range(30)])
    broken = [True]

    @event.listens_for(database.engine, "before_cursor_execute")
    def _fail(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if broken and "spool_positions" in statement and statement.startswith(("INSERT", "UPDATE")):
            raise OSError("the disk is gone")

    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            ship(tmp_path, database, tables)
        assert (ids(database), contributions(database)) == ([], [])
    broken.clear()
    assert ship(tmp_path, database, tables) == 30
    assert len(contributions(database)) == 60


def test_they_go_with_their_predictions(tmp_path: Path, database: Database, tables: FamilyTables) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    made = [explained(created_at=int((start + timedelta(days=day)).timestamp() * 1e6)) for day in range(6)]
    log = open_log("sql", database, tmp_path, tables=tables, counters=Counters())
    for one in made:
        log.keep(one)
    old = retention.purge(database, tmp_path, start + timedelta(days=4), batch=3, tables=tables)
    assert (old.predictions, old.set_aside) == (4, 0)
    assert {row["prediction_id"] for row in contributions(database)} == {one.id for one in made[4:]}


def test_the_rows_of_no_explanation_are_none_and_of_no_table_refused(tables: FamilyTables) -> None:
    assert tables.rows(record()) is None
    assert ("linear" in tables, "other" in tables, len(list(tables))) == (True, False, 1)
    with pytest.raises(Refused, match="no enabled plugin brings a table for the explanations of family other"):
        tables.rows(explained(family="other"))
