"""The last administrator, on both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from mlserve.auth import keys, users
from mlserve.auth.admins import one_left
from mlserve.db.engine import Database
from mlserve.errors import LastAdmin
from mlserve.events import Author

TEST = Author("cli:test")


def admin(database: Database, **options) -> str:
    with database.write() as connection:
        return keys.create(connection, "root", ["admin"], TEST, **options).id


def revoke(database: Database, identity: str) -> None:
    with database.write() as connection, one_left(connection):
        keys.revoke_one(connection, identity, TEST)


def works(database: Database) -> int:
    with database.read() as connection:
        return len(keys.known(connection))


def test_one_of_two_may_go_and_the_other_not(database: Database) -> None:
    first, second = admin(database), admin(database, expires_at=datetime.now(UTC) + timedelta(hours=1))
    revoke(database, first)
    with pytest.raises(LastAdmin):
        revoke(database, second)
    assert works(database) == 1


def test_who_is_of_some_models_or_expired_is_no_other(database: Database) -> None:
    only = admin(database)
    admin(database, models=["line"])
    admin(database, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(LastAdmin):
        revoke(database, only)
    with database.write() as connection:
        users.add(connection, "ada", "hash", ["admin"], TEST)
    revoke(database, only)
    with pytest.raises(LastAdmin), database.write() as connection, one_left(connection):
        users.set_rights(connection, "ada", ["admin"], ["line"], TEST)


def test_where_there_is_none_nothing_is_held(database: Database) -> None:
    revoke(database, admin(database, models=["line"]))
    assert works(database) == 0


def test_of_two_that_revoke_each_other_at_once_one_stays(database: Database) -> None:
    for _ in range(5):
        pair = [admin(database), admin(database)]
        start, refused = threading.Barrier(2), []

        def take(identity: str, start: threading.Barrier = start, refused: list[str] = refused) -> None:
            start.wait()
            try:
                revoke(database, identity)
            except LastAdmin:
                refused.append(identity)

        threads = [threading.Thread(target=take, args=(identity,)) for identity in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        assert works(database) == 1
        with database.write() as connection:
            keys.revoke(connection, "root", TEST)
