"""Users in the database, on both databases."""

import pytest

from mlserve import events
from mlserve.auth import users
from mlserve.db.engine import Database
from mlserve.errors import UserExists, UserUnknown
from mlserve.events import Author
from tests.unit.auth.factories import TEST


def test_each_change_of_a_user_is_an_event_without_the_password(database: Database) -> None:
    author = Author("user:eve", "moved", "r-1")
    with database.write() as connection:
        users.add(connection, "ada", "hash-1", {"observe"}, author, models=["b", "a"])
        users.set_rights(connection, "ada", ["operate"], None, author)
        # What changes nothing is no event.
        users.set_rights(connection, "ada", ["operate"], None, author)
        users.set_password(connection, "ada", "hash-2", author)
        assert users.remove(connection, "ada", author)["name"] == "ada"
        found = events.page(connection)
    first = {"name": "ada", "roles": ["observe"], "models": ["a", "b"]}
    second = {"name": "ada", "roles": ["operate"], "models": None}
    assert [(it.kind, it.before, it.after) for it in reversed(found)] == [
        ("user_added", None, first),
        ("user_changed", first, second),
        ("user_password_changed", None, {"name": "ada"}),
        ("user_removed", second, None),
    ]
    assert {(it.actor, it.reason, it.request_id) for it in found} == {("user:eve", "moved", "r-1")}
    assert "hash" not in str(found)


def test_who_is_not_there_is_unknown(database: Database) -> None:
    with database.write() as connection:
        for change in (
            lambda: users.set_password(connection, "ada", "hash", TEST),
            lambda: users.set_rights(connection, "ada", ["admin"], None, TEST),
            lambda: users.remove(connection, "ada", TEST),
        ):
            with pytest.raises(UserUnknown, match="'ada'"):
                change()
        assert events.page(connection) == []


def test_a_new_password_ends_the_sessions_and_the_lock(database: Database) -> None:
    with database.write() as connection:
        users.add(connection, "ada", "hash", ["observe"], TEST)
        users.failed(connection, "ada", most=1, lock=60, address="192.0.2.1")
        before = users.account(connection, "ada")
        users.set_password(connection, "ada", "other", TEST)
        after = users.account(connection, "ada")
    assert before is not None
    assert after is not None
    assert before.locked_until is not None
    assert (after.password, after.failures, after.locked_until) == ("other", 0, None)
    assert after.generation != before.generation


def test_a_lock_counts_on_from_login_to_login_and_a_success_ends_it(database: Database) -> None:
    with database.write() as connection:
        users.add(connection, "ada", "hash", ["observe"], TEST)
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
    assert event.after == {"name": "ada", "until": account.locked_until.isoformat().replace("+00:00", "Z")}


def test_of_two_that_add_one_name_the_second_is_refused(database: Database) -> None:
    with database.write() as connection:
        users.add(connection, "ada", "hash", ["observe"], TEST)
    with pytest.raises(UserExists, match="already"), database.write() as connection:
        users.add(connection, "ada", "hash", ["admin"], TEST)
