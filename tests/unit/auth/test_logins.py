"""Logins, on both databases."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from mlserve.auth import users
from mlserve.auth.logins import Logins
from mlserve.db.engine import Database
from mlserve.errors import RateLimited
from tests.unit.auth.factories import TEST, directory


def test_a_password_of_other_parameters_is_made_anew_at_the_next_login(database: Database, tmp_path: Path) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery")
    with database.write() as connection:
        users.add(connection, "ada", weak, ["observe"], TEST)
    logins = Logins(database, directory(database, tmp_path), most=5, lock=60)
    assert logins.log_in("ada", "wrong", "192.0.2.1") is None
    assert logins.log_in(" ada ", "correct horse battery", "192.0.2.1") is not None
    with database.read() as connection:
        account = users.account(connection, "ada")
    assert account is not None
    assert account.password != weak
    assert account.failures == 0
    assert logins.log_in("ada", "correct horse battery", "192.0.2.1") is not None


@pytest.mark.parametrize("name", ["a\0b", "\0", "", " ", "x" * 200, "\ud7ff \uffff"])
def test_a_name_that_nobody_can_have_is_wrong_and_counts(database: Database, tmp_path: Path, name: str) -> None:
    logins = Logins(database, directory(database, tmp_path), most=2, lock=60)
    assert logins.log_in(name, "wrong", "192.0.2.1") is None
    assert logins.log_in(name, "wrong", "192.0.2.2") is None
    with pytest.raises(RateLimited):
        logins.log_in(name, "wrong", "192.0.2.3")
