"""Long work of a kind: one does it, one waits, nobody else is kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlserve.errors import Busy
from mlserve.predictions.one_at_a_time import OneAtATime
from mlserve.turns import Turns
from tests.factories import until


def test_one_is_inside_one_waits_and_the_third_is_refused_at_once() -> None:
    turn, gate = OneAtATime("We are; try again.", patience=20), threading.Event()
    inside: list[int] = []

    def stay(number: int) -> None:
        with turn.taken():
            inside.append(number)
            gate.wait(20)
            inside.remove(number)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(stay, 1)
        until(lambda: inside == [1])
        second = pool.submit(stay, 2)
        until(lambda: not turn._room._value)  # type: ignore[attr-defined]
        with pytest.raises(Busy) as busy, turn.taken():
            pytest.fail("there is no room")
        assert busy.value.retry_after
        assert inside == [1]
        gate.set()
        first.result(20)
        second.result(20)
    with turn.taken(), pytest.raises(ZeroDivisionError), OneAtATime("busy").taken():
        raise ZeroDivisionError


def test_who_waits_too_long_is_refused_and_leaves_the_room_free() -> None:
    turn = OneAtATime("We are; try again.", patience=0.01)
    with turn.taken():
        for _ in range(3):
            with pytest.raises(Busy, match="try again"), turn.taken():
                pytest.fail("another one is inside")
    with turn.taken():
        pass
    with pytest.raises(ZeroDivisionError), turn.taken():
        raise ZeroDivisionError
    with turn.taken():
        pass


def test_nobody_waits_for_it_with_a_turn_to_compute() -> None:
    """Else whoever does the long work, and wants a turn for it, would wait for the one who waits for its end."""
    turns = Turns()
    turns.limit(1, 1, 20.0)
    one, held, waits = OneAtATime("We are; try again.", turns, patience=20), threading.Event(), threading.Event()

    def compute() -> None:
        with turns.taken():
            waits.set()
            with one.taken():
                assert turns.longest > 0

    def work() -> None:
        with one.taken():
            held.set()
            waits.wait(20)
            with turns.taken():
                pass

    with ThreadPoolExecutor(2) as pool:
        second = pool.submit(work)
        held.wait(20)
        first = pool.submit(compute)
        first.result(20)
        second.result(20)


def test_a_turn_that_does_not_come_back_leaves_the_work_to_others() -> None:
    turns, waits = Turns(), threading.Event()
    turns.limit(1, 1, 0.01)
    one = OneAtATime("We are; try again.", turns, patience=20)

    def compute() -> None:
        with turns.taken():
            waits.set()
            with pytest.raises(Busy, match="Too many"), one.taken():
                pytest.fail("another one computes")

    with ThreadPoolExecutor(1) as pool:
        with one.taken():
            asked = pool.submit(compute)
            waits.wait(20)
            until(lambda: turns.longest == 0)
            taken = turns.taken()
            taken.__enter__()
        asked.result(20)
        taken.__exit__(None, None, None)
    with one.taken():
        pass
