"""Who computes, who waits, who is refused, and who has given a turn up."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from mlserve.errors import Busy
from mlserve.turns import Turns
from tests.factories import until

PATIENCE = 30.0


def limited(threads: int = 1, waiting: int = 0, patience: float = PATIENCE) -> Turns:
    turns = Turns()
    turns.limit(threads, waiting, patience)
    return turns


class Others:
    """Threads that each do something within the turn until they are let, and how many do it now."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.inside = 0
        self.most = 0
        self.refused = 0
        self.let = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def __call__(self, before: Callable[[], None] | None = None, *, ends: bool = True) -> None:
        thread = threading.Thread(target=self._run, args=(before, ends))
        self._threads.append(thread)
        thread.start()

    def end(self) -> None:
        self.let.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, before: Callable[[], None] | None, ends: bool) -> None:
        try:
            with self.turns.taken():
                if before is not None:
                    before()
                with self._lock:
                    self.inside += 1
                    self.most = max(self.most, self.inside)
                self.let.wait(PATIENCE)
                with self._lock:
                    self.inside -= 1
        except Busy:
            with self._lock:
                self.refused += 1


@contextmanager
def others(turns: Turns) -> Iterator[Others]:
    made = Others(turns)
    try:
        yield made
    finally:
        made.end()


def is_free(turns: Turns) -> bool:
    """Whether nobody has a turn or a place."""
    return turns._places == {"inside": 0, "apart": 0} and not turns._turn.locked()  # type: ignore[union-attr]


def test_everybody_passes_until_it_is_limited() -> None:
    turns = Turns()
    with others(turns) as them:
        for _ in range(3):
            them()
        until(lambda: them.inside == 3)
        turns.leave()
        with turns.aside(), turns.taken():
            assert not turns.is_full
            assert turns.longest == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_so_many_compute_so_many_wait_and_the_next_one_is_refused_at_once(threads: int) -> None:
    turns = limited(threads, waiting=2)
    with others(turns) as them:
        for _ in range(20):
            them()
        until(lambda: (them.inside, them.refused) == (threads, 18 - threads))
        assert turns.is_full
        assert turns.longest > 0
        with pytest.raises(Busy) as busy, turns.taken():
            pytest.fail("there is no place")
        assert busy.value.retry_after == 1
    assert (them.most, them.refused) == (threads, 18 - threads)
    assert turns.longest == 0
    assert not turns.is_full


def test_who_waits_too_long_is_refused_and_leaves_nothing_behind() -> None:
    turns = limited(waiting=1, patience=0.01)
    with others(turns) as them:
        them()
        until(lambda: them.inside == 1)
        for _ in range(3):
            with pytest.raises(Busy), turns.taken():
                pytest.fail("another one has it")
    assert is_free(turns)


def test_a_turn_within_a_turn_is_the_same_one() -> None:
    turns = limited()
    with turns.taken():
        with turns.taken():
            pass
        with pytest.raises(ZeroDivisionError), turns.taken():
            raise ZeroDivisionError
        assert turns._turn.locked()  # type: ignore[union-attr]
    assert is_free(turns)


def test_who_leaves_lets_the_next_one_compute_and_keeps_the_place() -> None:
    turns = limited(waiting=1)
    with others(turns) as them, turns.taken():
        other = threading.Thread(target=turns.leave)  # It has none.
        other.start()
        other.join()
        assert turns._turn.locked()  # type: ignore[union-attr]
        turns.leave()
        turns.leave()
        them()
        until(lambda: them.inside == 1)
        assert turns.is_full
    assert is_free(turns)


def test_a_turn_that_was_left_is_taken_anew_for_what_is_computed_later() -> None:
    turns = limited()
    for apart in (False, True):
        with turns.taken():
            turns.leave(apart=apart)
            with turns.taken():
                assert turns._turn.locked()  # type: ignore[union-attr]
            assert not turns._turn.locked()  # type: ignore[union-attr]
        assert is_free(turns)


def test_who_waits_aside_leaves_the_place_too_and_takes_the_turn_back() -> None:
    """However many wait for a database that hangs, one that needs none is computed."""
    turns, away = limited(waiting=1), threading.Event()

    def look() -> None:
        with turns.aside():
            away.wait(PATIENCE)

    with others(turns) as them:
        for _ in range(2):
            them(look)
        until(lambda: turns._places["apart"] == 2)
        with turns.taken():
            assert turns.longest < PATIENCE
        them(look)  # A third one is too many, and told so.
        until(lambda: them.refused == 1)
        away.set()
        until(lambda: them.inside == 1)
        them.let.set()
    assert (them.most, them.refused) == (1, 1)
    assert is_free(turns)


def test_what_is_raised_aside_waits_for_no_turn() -> None:
    turns = limited(waiting=1, patience=0.01)
    with ExitStack() as stack, turns.taken():
        them = stack.enter_context(others(turns))
        with pytest.raises(ZeroDivisionError), turns.aside():
            them()
            until(lambda: them.inside == 1)
            raise ZeroDivisionError
        turns.leave()
    assert is_free(turns)


def compute(turns: Turns, seconds: float) -> None:
    """Take the processor for so long."""
    with turns.taken():
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass


def computing_shortly(waiting: int) -> Turns:
    turns = limited(waiting=waiting)
    for _ in range(200):  # More than a mean over a few needs to forget what it began with.
        compute(turns, 0.0)
    return turns


def test_while_requests_compute_shortly_nobody_waits_for_a_turn_and_no_more_come_in() -> None:
    turns = computing_shortly(waiting=2)
    with others(turns) as them:
        for _ in range(3):
            them()
        until(lambda: them.inside == 3)
        assert turns.is_full
        with pytest.raises(Busy), turns.taken():
            pass
    assert is_free(turns)


def test_after_one_that_has_computed_for_long_the_others_have_their_turns() -> None:
    turns = computing_shortly(waiting=2)
    for _ in range(4):  # One of them is looked at.
        compute(turns, 0.1)
    with others(turns) as them:
        for _ in range(3):
            them()
        until(lambda: turns.is_full)
        them.let.set()
    assert them.most == 1
    assert is_free(turns)


def test_a_turn_that_does_not_come_back_is_busy() -> None:
    turns = limited(waiting=1, patience=0.01)
    with others(turns) as them, pytest.raises(Busy), turns.taken(), turns.aside():
        them()
        until(lambda: them.inside == 1)
    assert is_free(turns)
