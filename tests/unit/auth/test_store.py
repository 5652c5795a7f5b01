"""Keys, users, and what the directory knows of them, on both databases."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mlserve.auth import keys, snapshot, users
from mlserve.auth.directory import Directory
from mlserve.auth.key_text import read_key
from mlserve.auth.refusals import MOST, Refusal, Refusals
from mlserve.auth.tables import api_keys
from mlserve.db.engine import Database
from mlserve.errors import UserExists
from mlserve.observability.counters import Counters
from mlserve.registry import events
from tests.factories import until


def directory(database: Database, folder: Path, refusals: Refusals | None = None) -> Directory:
    return Directory(database, folder / "access.json", 0.01, refusals or Refusals(Counters()))


def create(database: Database, name: str = "app", **options) -> str:
    with database.write() as connection:
        text = keys.create(connection, name, ["predict"], actor="cli:test", **options).text
    given = read_key(text)
    assert given is not None
    return given.digest


def test_the_directory_follows_the_database(database: Database, tmp_path: Path) -> None:
    known = directory(database, tmp_path)
    first = create(database, models=["b", "a"])
    known.start()
    try:
        identity = known.key(first)
        assert identity is not None
        assert (identity.caller, identity.roles, identity.models) == ("key:app", {"predict"}, {"a", "b"})
        second = create(database, "second", expires_at=datetime.now(UTC) + timedelta(hours=1))
        until(lambda: known.key(second) is not None)
        with database.write() as connection:
            keys.revoke(connection, "app", actor="cli:test")
        until(lambda: known.key(first) is None)
        with database.write() as connection:
            users.add(connection, "ada", "hash", ["observe"], actor="cli:test")
            account = users.account(connection, "ada")
            assert account is not None
        until(lambda: known.user("ada", account.generation) is not None)
        with database.write() as connection:
            users.set_password(connection, "ada", "other", actor="cli:test")
        until(lambda: known.user("ada", account.generation) is None)
    finally:
        known.stop()
    held = snapshot.read(tmp_path / "access.json")
    assert held is not None
    assert (set(held.keys), set(held.users)) == ({second}, {"ada"})


def test_a_key_that_expires_stops_working_without_a_look_at_the_database(database: Database, tmp_path: Path) -> None:
    known = directory(database, tmp_path)
    digest = create(database, expires_at=datetime.now(UTC) + timedelta(seconds=0.5))
    known.refresh()
    assert known.key(digest) is not None
    until(lambda: known.key(digest) is None)


def test_the_last_use_is_kept_and_never_goes_back(database: Database, tmp_path: Path) -> None:
    create(database)
    with database.write() as connection:
        (identity,) = connection.scalars(select(api_keys.c.id))
        keys.used(connection, {identity: 2000.0})
        keys.used(connection, {identity: 1000.0, "gone": 1.0})
        assert connection.scalar(select(api_keys.c.last_used_at)) == datetime.fromtimestamp(2000, UTC)


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 2}', b'{"format": 1, "keys": 1}', b"\xff"])
def test_an_unreadable_snapshot_lets_nobody_in(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "access.json"
    path.write_bytes(content)
    assert snapshot.read(path) is None


def test_a_lock_counts_on_from_login_to_login_and_a_success_ends_it(database: Database) -> None:
    with database.write() as connection:
        users.add(connection, "ada", "hash", ["observe"], actor="cli:test")
        for _ in range(2):
            users.failed(connection, "ada", most=3, lock=60, address="192.0.2.1")
        users.succeeded(connection, "ada", rehashed=None)
        for _ in range(2):
            users.failed(connection, "ada", most=3, lock=60, address="192.0.2.1")
        account = users.account(connection, "ada")
        assert account is not None
        assert account.locked_until is None
        users.failed(connection, "ada", most=3, lock=60, address="192.0.2.1")
        account = users.account(connection, "ada")
        assert account is not None
        assert account.locked_until is not None
        assert account.failures == 0
        (event,) = [event for event in events.page(connection) if event.kind == "user_locked"]
        assert event.actor == "address:192.0.2.1"


def test_of_two_that_add_one_name_the_second_is_refused(database: Database) -> None:
    with database.write() as connection:
        users.add(connection, "ada", "hash", ["observe"], actor="cli:test")
    with pytest.raises(UserExists, match="already"), database.write() as connection:
        users.add(connection, "ada", "hash", ["admin"], actor="cli:test")


def refusal(actor: str) -> Refusal:
    return Refusal(actor, "no", None, {"needs": "observe"}, None, datetime.now(UTC))


def test_refusals_are_written_once_and_forgotten(database: Database) -> None:
    refusals = Refusals(Counters())
    for _ in range(3):
        refusals.note(refusal("key:a"))
        refusals.note(refusal("key:b"))
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    with database.read() as connection:
        assert sorted(event.actor for event in events.page(connection)) == ["key:a", "key:b"]


def test_a_crowd_shares_one_event_when_its_minute_is_over(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("mlserve.auth.refusals.time.monotonic", lambda: now[0])
    counters = Counters()
    refusals = Refusals(counters)
    threads = [
        threading.Thread(target=lambda part=part: [refusals.note(refusal(f"address:{part}.{n}")) for n in range(100)])
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    assert not refusals.waiting
    now[0] += 60
    assert refusals.waiting
    with database.write() as connection:
        refusals.forget(refusals.record(connection))
    with database.read() as connection:
        told = events.page(connection, limit=1000)
    assert len(told) == MOST + 1
    assert told[0].after == {"refused": 400 - MOST}
    assert counters.read() == {"calls_refused": 400}


def test_a_password_of_other_parameters_is_made_anew_at_the_next_login(database: Database, tmp_path: Path) -> None:
    from argon2 import PasswordHasher

    from mlserve.auth.logins import Logins

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery")
    with database.write() as connection:
        users.add(connection, "ada", weak, ["observe"], actor="cli:test")
    logins = Logins(database, directory(database, tmp_path), most=5, lock=60)
    assert logins.log_in("ada", "wrong", "192.0.2.1") is None
    assert logins.log_in(" ada ", "correct horse battery", "192.0.2.1") is not None
    with database.read() as connection:
        account = users.account(connection, "ada")
    assert account is not None
    assert account.password != weak
    assert account.failures == 0
    assert logins.log_in("ada", "correct horse battery", "192.0.2.1") is not None
