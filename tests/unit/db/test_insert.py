"""The compiled insert leaves the very rows that SQLAlchemy's own way leaves."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text, delete, event, insert, select

from mlserve.db.engine import Database
from mlserve.db.insert import CompiledInsert, insert_into
from mlserve.db.types import JsonText, UtcTime

COLUMNS = ("name", "made", "said", "note", "count")

things = Table(
    "things",
    MetaData(),
    Column("count", Integer),
    Column("name", Text, primary_key=True),
    Column("note", Text),
    Column("made", UtcTime),
    Column("said", JsonText),
    Column("kind", Text, nullable=False, server_default="usual"),
)

# NULs are refused by PostgreSQL, and by mlserve long before.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
zones = st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=30))])
times = st.builds(
    lambda since, zone: (datetime(1970, 1, 1, tzinfo=UTC) + since).astimezone(zone),
    st.timedeltas(timedelta(days=-80_000), timedelta(days=80_000)),
    zones,
)
values = st.lists(
    st.tuples(
        st.none() | times,
        st.none() | st.lists(texts),
        st.none() | texts,
        st.none() | st.integers(-(2**31), 2**31 - 1),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture
def compiled(database: Database) -> CompiledInsert:
    with database.engine.begin() as connection:
        things.create(connection)
    statement = insert_into(things, database.dialect).on_conflict_do_nothing(index_elements=["name"])
    return CompiledInsert(statement, database.engine, COLUMNS)


def stored(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(select(things).order_by(things.c.name)).mappings()]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values)
def test_every_way_leaves_the_same_rows(
    database: Database, compiled: CompiledInsert, values: list[tuple[Any, ...]]
) -> None:
    rows = [(f"t{number}", *row) for number, row in enumerate(values)]
    found = []
    for way in ("core", "many", "one", "copy"):
        with database.write() as connection:
            if way == "core":
                connection.execute(insert(things), [dict(zip(COLUMNS, row, strict=True)) for row in rows])
            elif way == "many":
                compiled.many(connection, rows)
            elif way == "copy" and database.dialect == "postgresql":
                compiled.copy(connection, rows)
            else:
                assert [compiled.one(connection, row) for row in rows] == [1] * len(rows)
        found.append(stored(database))
        with database.write() as connection:
            connection.execute(delete(things))
    assert found[1:] == [found[0]] * 3
    assert [row["made"] for row in found[0]] == [row[0] for row in values]


def test_a_row_that_is_there_already_is_told(database: Database, compiled: CompiledInsert) -> None:
    with database.write() as connection:
        assert compiled.one(connection, ("a", None, None, None, 1)) == 1
        assert compiled.one(connection, ("a", None, None, "other", 2)) == 0
        compiled.many(connection, [("b", None, None, None, None), ("a", None, None, "other", 2)])
    assert [(row["name"], row["note"], row["count"]) for row in stored(database)] == [("a", None, 1), ("b", None, None)]


def test_columns_without_a_value_are_not_named(database: Database, compiled: CompiledInsert) -> None:
    seen: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _k, sql, *_: seen.append(sql))
    with database.write() as connection:
        compiled.many(connection, [("a", None, None, None, 1), ("b", None, None, None, None)])
    (sql,) = [sql for sql in seen if "INSERT" in sql]
    assert "(count, name)" in sql
