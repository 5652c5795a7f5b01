"""A database that was lost is asked by one thread at a time, and the log is told once."""

import logging
import threading
from typing import NoReturn

import pytest

from mlserve.db.breaker import Breaker
from mlserve.db.failures import UNUSABLE
from mlserve.errors import DatabaseUnavailable


def refuse() -> NoReturn:
    raise DatabaseUnavailable("still away")


def nothing() -> None:
    """The database answers."""


def lose(breaker: Breaker, *, lost: bool = True) -> None:
    breaker.failed(DatabaseUnavailable(UNUSABLE), OSError("host db-7 is down\nmore"), lost=lost)


def test_nobody_asks_while_all_is_well_or_a_lock_was_held_for_too_long() -> None:
    breaker = Breaker(pause=60)
    breaker.check(refuse)
    lose(breaker, lost=False)
    breaker.check(refuse)


def test_once_lost_everything_fails_at_once() -> None:
    breaker = Breaker(pause=60)
    lose(breaker)
    with pytest.raises(DatabaseUnavailable, match="cannot be used") as caught:
        breaker.check(nothing)
    assert caught.value.retry_after == 1


def test_after_the_pause_one_asks_and_the_others_still_fail_at_once() -> None:
    breaker, asking, answer = Breaker(pause=0), threading.Event(), threading.Event()

    def ask() -> None:
        asking.set()
        answer.wait(30)

    lose(breaker)
    thread = threading.Thread(target=breaker.check, args=(ask,))
    thread.start()
    assert asking.wait(30)
    lose(breaker)  # By a thread that has waited since before.
    with pytest.raises(DatabaseUnavailable, match="cannot be used"):
        breaker.check(nothing)
    answer.set()
    thread.join()
    breaker.check(refuse)  # Not asked any more.


def test_a_question_that_fails_is_asked_again_after_the_pause() -> None:
    breaker = Breaker(pause=0)
    lose(breaker)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="still away"):
            breaker.check(refuse)
    breaker.check(nothing)
    breaker.check(refuse)


def test_the_log_is_told_once_with_the_first_line_of_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    breaker = Breaker()
    with caplog.at_level(logging.INFO, "mlserve.database"):
        breaker.succeeded()
        for _ in range(2):
            lose(breaker)
            lose(breaker)
            breaker.succeeded()
            breaker.succeeded()
    assert [record.getMessage() for record in caplog.records] == ["database_failed", "database_back"] * 2
    assert vars(caplog.records[0])["fields"] == {"problem": UNUSABLE, "reason": "host db-7 is down"}
