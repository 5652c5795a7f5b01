"""Migration 0004 on a database of the revision before, with rows in it."""

import pytest
from alembic import command
from sqlalchemy import text

from mlserve import events
from mlserve.db import migrate
from mlserve.db.engine import open_database
from mlserve.events import Author, kinds, outbox
from tests.conftest import new_postgres_database


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_what_was_there_stays_and_is_not_sent(dialect: str, request: pytest.FixtureRequest) -> None:
    if dialect == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('tmp_path')}/old.db"
    else:
        url = new_postgres_database(request.getfixturevalue("postgres_url"))
    database = open_database(url)
    with database.write() as connection:
        config = migrate._config(())
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(text("INSERT INTO models VALUES ('line', '2026-01-01T00:00:00.000000Z', 'd')"))
        connection.execute(
            text(
                "INSERT INTO events VALUES ('01a20570-0000-7d0a-b72e-04f7f6db33c1', '2026-01-01T00:00:00.000000Z',"
                " 'version_retired', 'line', 1, NULL, 'ann', 'old', NULL, NULL, NULL)"
            )
        )
    assert not migrate.is_current(database)
    migrate.upgrade(url)
    assert migrate.is_current(database)
    with database.write() as connection:
        (event,) = events.page(connection)
        assert (event.reason, event.model) == ("old", "line")
        assert connection.scalar(text("SELECT declared FROM models")) == "d"
        assert outbox.count_due(connection) == {}
        events.record(connection, kinds.VERSION_RETIRED, Author("ann"), model="line", version=1)
        assert len(events.page(connection)) == 2
    database.close()
