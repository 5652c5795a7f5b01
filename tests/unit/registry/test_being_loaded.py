"""A version on its way: waited for, given up, and closed exactly once."""

import threading
from typing import Any

import pytest

from mlserve.observability.request_id import bound, current
from mlserve.registry.being_loaded import BeingLoaded
from tests.factories import until


class Loaded:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Load:
    """Ends once `gate` is open, with `found` or by raising it."""

    def __init__(self, found: Any) -> None:
        self.found = found
        self.gate = threading.Event()

    def __call__(self) -> Any:
        self.gate.wait(20)
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


def test_it_is_waited_for_no_longer_than_one_likes() -> None:
    load = Load(Loaded())
    being = BeingLoaded(load, "line-1")
    assert not being.wait(0.01)
    assert not being.done
    load.gate.set()
    assert being.wait(20)
    assert being.done
    assert being.result() is load.found
    assert load.found.closed == 0


@pytest.mark.parametrize(
    ("raised", "told", "words"),
    [
        (ZeroDivisionError("by zero"), ZeroDivisionError, "by zero"),
        (SystemExit(3), RuntimeError, "loading it raised SystemExit"),
        (KeyboardInterrupt(), RuntimeError, "loading it raised KeyboardInterrupt"),
    ],
)
def test_whatever_loading_raises_is_kept(raised: BaseException, told: type[Exception], words: str) -> None:
    load = Load(raised)
    load.gate.set()
    being = BeingLoaded(load, "line-1")
    assert being.wait(20)
    assert being.error is raised
    with pytest.raises(told, match=words):
        being.result()
    being.abandon()


def test_what_arrives_after_it_was_given_up_is_closed() -> None:
    load = Load(Loaded())
    being = BeingLoaded(load, "line-1")
    being.abandon()
    assert load.found.closed == 0
    load.gate.set()
    until(lambda: load.found.closed == 1)


def test_what_has_arrived_is_closed_when_it_is_given_up() -> None:
    load = Load(Loaded())
    load.gate.set()
    being = BeingLoaded(load, "line-1")
    assert being.wait(20)
    being.abandon()
    assert load.found.closed == 1


def test_what_it_logs_has_the_id_of_the_request_that_wants_it() -> None:
    seen: list[str | None] = []
    with bound("one"):
        being = BeingLoaded(lambda: seen.append(current()) or Loaded(), "line-1")  # type: ignore[func-returns-value, arg-type, return-value]
    assert being.wait(20)
    assert seen == ["one"]
