"""Transactions commit or roll back as a whole; trouble with the database is one clear error."""

import re
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from mlserve.db.engine import Database, open_database
from mlserve.db.failures import OTHER_TABLES, UNUSABLE, reason_of
from mlserve.errors import ConfigurationError, DatabaseUnavailable


@pytest.fixture
def counter(database: Database) -> Database:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE counter (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO counter VALUES (1, 0)"))
    return database


def value(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT value FROM counter")).scalar_one())


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/absent/mlserve.db").close()
    open_database("postgresql://nobody@127.0.0.1:1/nothing").close()
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_fails_leaves_nothing(counter: Database) -> None:
    with pytest.raises(RuntimeError), counter.write() as connection:
        connection.execute(text("UPDATE counter SET value = 7"))
        raise RuntimeError
    assert value(counter) == 0


def test_no_update_is_lost_between_writers(counter: Database, database_url: str) -> None:
    """The driver's own transactions lose two thirds of these on SQLite."""
    others = [open_database(database_url, timeout=30) for _ in range(3)]
    lock = " FOR UPDATE" if counter.dialect == "postgresql" else ""

    def add(database: Database) -> None:
        for _ in range(30):
            with database.write() as connection:
                now = connection.execute(text(f"SELECT value FROM counter{lock}")).scalar_one()
                connection.execute(text("UPDATE counter SET value = :new"), {"new": now + 1})

    threads = [threading.Thread(target=add, args=(database,)) for database in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(counter) == 90
    for database in others:
        database.close()


def test_an_error_about_the_data_keeps_its_own_type(counter: Database) -> None:
    with pytest.raises(IntegrityError), counter.write() as connection:
        connection.execute(text("INSERT INTO counter VALUES (1, 1)"))


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/nothing", "sqlite:////proc/nothing/mlserve.db"])
def test_a_database_that_is_not_there_is_unavailable(url: str) -> None:
    database = open_database(url, timeout=1)
    for use in (database.read, database.write):
        with pytest.raises(DatabaseUnavailable, match="database"), use():
            pass
    with pytest.raises(DatabaseUnavailable) as caught:
        database.ping()
    assert str(caught.value) == "The database cannot be used."
    database.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database at all" * 100)
    database = open_database(f"sqlite:///{tmp_path}/text.db")
    with pytest.raises(DatabaseUnavailable) as caught:
        database.ping()
    assert (str(caught.value), reason_of(caught.value)) == (UNUSABLE, "file is not a database")
    database.close()


def test_a_read_only_database_can_be_read_and_says_why_it_takes_nothing(counter: Database) -> None:
    read_only = "PRAGMA query_only = ON" if counter.dialect == "sqlite" else "SET TRANSACTION READ ONLY"
    with pytest.raises(DatabaseUnavailable) as caught, counter.write() as connection:
        connection.execute(text(read_only))
        assert connection.execute(text("SELECT value FROM counter")).scalar_one() == 0
        connection.execute(text("UPDATE counter SET value = 7"))
    assert str(caught.value) == UNUSABLE
    assert re.search("read-?only", reason_of(caught.value))
    assert value(counter) == 0


def test_a_table_that_is_not_there_yet_names_the_remedy(tmp_path: Path, database: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught, database.read() as connection:
        connection.execute(text("SELECT * FROM nothing_like_it"))
    assert str(caught.value) == (UNUSABLE if database.dialect == "sqlite" else OTHER_TABLES)
    assert "nothing_like_it" in reason_of(caught.value)


def test_all_connections_in_use_is_unavailable(database_url: str) -> None:
    database = open_database(database_url, timeout=0.05)
    busy = [database.engine.connect() for _ in range(15)]
    with pytest.raises(DatabaseUnavailable, match="connections are all in use"):
        database.ping()
    for connection in busy:
        connection.close()
    database.ping()
    database.close()


def test_the_sqlite_file_and_its_companions_are_private(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/var/mlserve.db")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir()}
    assert modes == dict.fromkeys(("mlserve.db", "mlserve.db-wal", "mlserve.db-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    database.close()


@pytest.mark.parametrize("durable", [False, True])
def test_sqlite_is_set_up_for_many_processes(tmp_path: Path, durable: bool) -> None:
    database = open_database(f"sqlite:///{tmp_path}/mlserve.db", timeout=2.5, durable=durable)
    with database.read() as connection:
        pragmas = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in pragmas}
        version = connection.execute(text("SELECT sqlite_version()")).scalar_one()
    assert found == {"journal_mode": "wal", "synchronous": 1 + durable, "busy_timeout": 2500, "foreign_keys": 1}
    assert tuple(map(int, version.split("."))) >= (3, 51, 3)
    database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "is not a database URL"),
        ("mysql://localhost/x", "names 'mysql'"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_url_that_cannot_be_used_is_named(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"mlserve.database.url.*{said}"):
        open_database(url)
