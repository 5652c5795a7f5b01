"""What the directory knows of keys and users, on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlserve.auth import keys, snapshot, users
from mlserve.db.engine import Database
from tests.factories import until
from tests.unit.auth.factories import TEST, create_key, directory


def test_the_directory_follows_the_database(database: Database, tmp_path: Path) -> None:
    known = directory(database, tmp_path)
    first = create_key(database, models=["b", "a"])
    known.start()
    try:
        identity = known.key(first)
        assert identity is not None
        assert (identity.caller, identity.roles, identity.models) == ("key:app", {"predict"}, {"a", "b"})
        second = create_key(database, "second", expires_at=datetime.now(UTC) + timedelta(hours=1))
        until(lambda: known.key(second) is not None)
        with database.write() as connection:
            keys.revoke(connection, "app", TEST)
        until(lambda: known.key(first) is None)
        with database.write() as connection:
            users.add(connection, "ada", "hash", ["observe"], TEST)
            account = users.account(connection, "ada")
            assert account is not None
        until(lambda: known.user("ada", account.generation) is not None)
        with database.write() as connection:
            users.set_password(connection, "ada", "other", TEST)
        until(lambda: known.user("ada", account.generation) is None)
    finally:
        known.stop()
    held = snapshot.read(tmp_path / "access.json")
    assert held is not None
    assert (set(held.keys), set(held.users)) == ({second}, {"ada"})


def test_a_key_that_expires_stops_working_without_a_look_at_the_database(database: Database, tmp_path: Path) -> None:
    known = directory(database, tmp_path)
    digest = create_key(database, expires_at=datetime.now(UTC) + timedelta(seconds=2))
    known.refresh()
    assert known.key(digest) is not None
    until(lambda: known.key(digest) is None)
