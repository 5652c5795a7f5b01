"""Passwords: right or wrong, and only few at a time."""

import threading

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from mlserve.auth import passwords
from mlserve.auth.passwords import Passwords, fault_of
from mlserve.errors import Busy


def test_the_password_and_no_other_fits_its_hash() -> None:
    checker = Passwords()
    hashed = checker.hash("correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert "correct" not in hashed
    assert checker.check(hashed, "correct horse battery")
    assert not checker.check(hashed, "correct horse batterx")
    assert not checker.check(hashed, "")
    assert not checker.is_old(hashed)


@pytest.mark.parametrize("hashed", [None, "", "no hash", "$argon2id$v=19$m=1"])
def test_without_a_whole_hash_nothing_fits(hashed: str | None) -> None:
    assert not Passwords().check(hashed, "nobody's")


def test_one_too_many_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_PATIENCE", 0.01)
    checker = Passwords()
    inside, go_on = threading.Barrier(passwords._AT_ONCE + 1), threading.Event()

    class Slow:
        def verify(self, hashed: str, password: str) -> bool:
            inside.wait(20)
            return go_on.wait(20)

    monkeypatch.setattr(checker, "_hasher", Slow())
    threads = [threading.Thread(target=checker.check, args=("x", "y")) for _ in range(passwords._AT_ONCE)]
    for thread in threads:
        thread.start()
    inside.wait(20)
    with pytest.raises(Busy):
        checker.check("x", "y")
    go_on.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("password", "fault"), [("x" * 11, "has 11"), ("x" * 1025, "has 1,025"), ("x" * 12, None)])
def test_what_is_wrong_with_a_new_one(password: str, fault: str | None) -> None:
    said = fault_of(password)
    assert (said is None) if fault is None else str(said).startswith(fault)


def test_the_parameters_are_those_of_rfc_9106_for_little_memory() -> None:
    """Section 4, the second recommended option: Argon2id, 3 passes, 4 lanes, 64 MiB, 128 bits of salt."""
    found = extract_parameters(Passwords().hash("correct horse battery"))
    assert (found.type, found.time_cost, found.parallelism) == (Type.ID, 3, 4)
    assert (found.memory_cost, found.salt_len, found.hash_len) == (64 * 1024, 16, 32)


def test_a_name_that_nobody_has_costs_a_whole_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many hashes of the same parameters, so as long; by the clock, a busy machine would fail it."""
    passwords, checked = Passwords(), []
    passwords.check(None, "first")
    hashed = passwords.hash("correct horse battery")
    verify = PasswordHasher.verify
    monkeypatch.setattr(
        PasswordHasher,
        "verify",
        lambda self, *given: (checked.append(extract_parameters(given[0])), verify(self, *given)),
    )
    assert passwords.check(None, "wrong") is passwords.check(hashed, "wrong") is False
    assert len(checked) == 2
    assert checked[0] == checked[1]
