"""A PostgreSQL that is stopped in the middle of a question costs a bounded time, also over a socket of this host."""

import time
from contextlib import closing

import psutil
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from mlserve.db.engine import Database, open_database
from mlserve.db.failures import UNUSABLE, reason_of
from mlserve.errors import DatabaseUnavailable


def backend(database: Database) -> psutil.Process:
    with database.read() as connection:
        return psutil.Process(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_stopped_server_process_is_given_up_and_the_next_one_is_used(postgres_template: str) -> None:
    database = open_database(postgres_template, timeout=0.2)
    stopped = backend(database)
    stopped.suspend()
    try:
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable) as caught:
            database.ping()
        assert 1.3 < time.monotonic() - began < 5
        assert (str(caught.value), reason_of(caught.value)) == (UNUSABLE, "no answer within 1.4 s")
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            database.ping()
        assert time.monotonic() - began < 0.2
        database._breaker._pause = 0
        database._breaker._closed_until = 0
        database.ping()
        assert backend(database) != stopped
    finally:
        stopped.resume()
        database.close()


def test_a_statement_that_takes_too_long_is_cancelled_by_the_server(postgres_template: str) -> None:
    database = open_database(postgres_template, timeout=0.1)
    with pytest.raises(DatabaseUnavailable) as caught, database.read() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    assert "statement timeout" in reason_of(caught.value)
    database.ping()  # It can be reached: no pause.
    database.close()


def test_an_operator_s_statement_may_take_as_long_as_it_takes(postgres_template: str) -> None:
    database = open_database(postgres_template, timeout=0.1, bounded=False)
    with database.read() as connection:
        connection.execute(text("SELECT pg_sleep(1.5)"))
    database.close()


def test_a_refused_statement_is_an_error_of_its_own(postgres_template: str) -> None:
    database = open_database(postgres_template)
    with pytest.raises(DBAPIError, match="division by zero"), database.read() as connection:
        connection.execute(text("SELECT 1 / 0"))
    database.close()


@pytest.mark.parametrize(("own", "found"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_a_durable_commit_waits_for_the_disk_and_for_no_less_than_it_would(
    postgres_template: str, own: str, found: str
) -> None:
    url = make_url(postgres_template)
    with closing(open_database(postgres_template)) as database, database.engine.begin() as connection:
        connection.execute(text(f'ALTER DATABASE "{url.database}" SET synchronous_commit = {own}'))
    try:
        for durable, expected in ((False, own), (True, found)):
            with closing(open_database(postgres_template, durable=durable)) as database, database.read() as connection:
                assert connection.execute(text("SHOW synchronous_commit")).scalar() == expected
    finally:
        with closing(open_database(postgres_template)) as database, database.engine.begin() as connection:
            connection.execute(text(f'ALTER DATABASE "{url.database}" RESET synchronous_commit'))
