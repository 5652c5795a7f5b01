"""Who wants a turn: one has it, one waits, nobody else is kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlserve.errors import Busy
from mlserve.predictions.turn import Turn
from tests.factories import until


def test_one_is_inside_one_waits_and_the_third_is_refused_at_once() -> None:
    turn, gate = Turn("We are; try again.", patience=20), threading.Event()
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
    with turn.taken(), pytest.raises(ZeroDivisionError), Turn("busy").taken():
        raise ZeroDivisionError


def test_who_waits_too_long_is_refused_and_leaves_the_room_free() -> None:
    turn = Turn("We are; try again.", patience=0.01)
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
