"""Values come back as they went in, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from sqlalchemy import Column, Connection, MetaData, Table, insert, select, text
from sqlalchemy.exc import StatementError

from mlserve.db.engine import Database
from mlserve.db.types import JsonText, UtcTime, UuidText

table = Table(
    "kinds", MetaData(), Column("t", UtcTime), Column("u", UuidText), Column("j", JsonText), Column("r", JsonText(True))
)


def back(database: Database, **values: Any) -> dict[str, Any]:
    def through(connection: Connection) -> dict[str, Any]:
        connection.execute(insert(table), values)
        return dict(connection.execute(select(table)).mappings().one())

    with database.write() as connection:
        table.create(connection)
        return through(connection)


def test_times_come_back_in_utc_to_the_microsecond(database: Database) -> None:
    there = datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    found = back(database, t=there)["t"]
    assert found == there
    assert found.utcoffset() == timedelta(0)


def test_times_in_sqlite_are_texts_that_sort_and_end_in_z(database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL has a type for it")
    with database.write() as connection:
        table.create(connection)
        for microsecond in (0, 5, 120000):
            connection.execute(insert(table), {"t": datetime(2026, 1, 1, 0, 0, 0, microsecond, tzinfo=UTC)})
        found = connection.execute(text("SELECT t FROM kinds ORDER BY t")).scalars().all()
    assert found == [f"2026-01-01T00:00:00.{digits}Z" for digits in ("000000", "000005", "120000")]


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        back(database, t=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_uuid_is_a_text(database: Database) -> None:
    text_of = "01a20551-85f8-783e-998a-bd2cda1e6331"
    assert back(database, u=text_of)["u"] == text_of


@pytest.mark.parametrize("value", [{"a": [1, None, "ü"]}, [], "text", 5, 2**63, -0.0, True])
def test_json_values_come_back(database: Database, value: Any) -> None:
    found = back(database, j=value)["j"]
    assert (found, type(found), str(found)) == (value, type(value), str(value))


def test_json_text_is_kept_to_the_letter(database: Database) -> None:
    written = b'[{"z":-0.0,"a":1.10,"a":0.30000001192092896,"e":1e400}]'
    assert bytes(back(database, r=msgspec.Raw(written))["r"]) == written


def test_nothing_is_null(database: Database) -> None:
    assert back(database, t=None, u=None, j=None, r=None) == {"t": None, "u": None, "j": None, "r": None}
