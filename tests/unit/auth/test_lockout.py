"""Failed logins: counted by subject, forgotten with time, bounded in memory."""

from mlserve.auth.lockout import Lockout


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_last_failure_locks_for_a_time() -> None:
    clock = Clock()
    lockout = Lockout(2, 60, clock)
    lockout.failed("name:ada", "address:1")
    assert lockout.locked("name:ada", "address:1") is None
    lockout.failed("name:ada", "address:2")
    assert lockout.locked("name:ada", "address:3") == 60
    assert lockout.locked("address:1") is lockout.locked("address:2") is None
    clock.now = 59.5
    assert lockout.locked("name:ada") == 1
    clock.now = 60
    assert lockout.locked("name:ada") is None
    lockout.failed("name:ada")
    assert lockout.locked("name:ada") is None


def test_a_login_that_succeeds_begins_anew() -> None:
    lockout = Lockout(2, 60, Clock())
    lockout.failed("name:ada")
    lockout.succeeded("name:ada")
    lockout.failed("name:ada")
    assert lockout.locked("name:ada") is None


def test_memory_has_an_end() -> None:
    lockout = Lockout(2, 60, Clock())
    for number in range(10_100):
        lockout.failed(f"address:{number}")
    assert len(lockout._tries) == 10_000
