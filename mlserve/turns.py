"""Whose turn it is to compute.

Threads of one interpreter that compute side by side only take it from each other, and so a worker lets a few compute
and the others wait. Whoever is about to wait for a disk, a database or another's work gives its turn up meanwhile.

Handing a turn over costs two changes of thread, about as much as a small model takes to answer. So while requests
compute for so little time, nobody waits for a turn; they are counted all the same, and no more come in.

There is a second thing of which there is one: long work of a kind (`mlserve.predictions.one_at_a_time`). Whoever needs
both has that one first: nobody waits for it who holds a turn.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType

from mlserve.errors import Busy

TOO_MANY = "Too many requests wait for this server; try again."
# Of processor time, in seconds, on the average of about so many requests before.
SHORT = 0.5e-3
_OF = 16
# Among those that take no turn, every such one is looked at: to ask for the time costs as much as all the rest.
_SAMPLE = 4
_UNKNOWN = -1.0
_NOTHING = nullcontext()
# Where a request has its place: among those that compute, wait for a turn or have left it, or among those that wait for
# what the others can do without.
_INSIDE, _APART = "inside", "apart"


class Turns:
    """`application.turns`. Lets everybody pass until it is limited, as each worker's is."""

    def __init__(self) -> None:
        self._most = 0  # that have a place, inside and apart each; 0: everybody passes
        self._patience = 0.0
        self._turn: threading.Lock | threading.BoundedSemaphore = threading.Lock()
        self._lock = threading.Lock()
        self._places = {_INSIDE: 0, _APART: 0}
        self._held: dict[int, _Held] = {}  # by thread
        self._usual = 1.0  # for how long one computes, in seconds
        self._begun = 0

    def limit(self, threads: int, waiting: int, patience: float) -> None:
        """Before the first request: `threads` compute at once, if for longer than SHORT, and `waiting` more wait for
        `patience` seconds at most.

        As many as both together may be apart.
        """
        self._most = threads + waiting
        self._patience = patience
        self._turn = threading.Lock() if threads == 1 else threading.BoundedSemaphore(threads)

    @property
    def is_full(self) -> bool:
        """Whether one more would be refused at once."""
        return 0 < self._most <= self._places[_INSIDE]

    @property
    def longest(self) -> float:
        """For how many seconds the oldest request that is computed has been."""
        now = time.monotonic()
        return now - min((since for held in [*self._held.values()] if (since := held.since)), default=now)

    def taken(self) -> AbstractContextManager[None]:
        """The turn of the calling thread; nothing where it has it already. Raises Busy."""
        if not self._most:
            return _NOTHING
        held = self._held.get(threading.get_ident())
        if held is None:
            return _Held(self)
        return _NOTHING if held.since else self._again(held)

    def leave(self, *, apart: bool = False) -> None:
        """The calling thread gives up its turn, if it has one. It may still encode and answer.

        It keeps its place, since what it waits for is what all wait for. With `apart` it leaves that to others too, and
        Busy is raised where too many have done so.
        """
        held = self._held.get(threading.get_ident()) if self._most else None
        if held is not None and held.since:
            if apart:
                self._move(held, _APART)
            held.end()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Without the turn of the calling thread, which it takes back behind the block unless that raises. Raises Busy.

        Nothing where the thread has none.
        """
        held = self._held.get(threading.get_ident())
        if held is None or not held.since:
            yield
            return
        self.leave(apart=True)
        yield
        self._take_back(held)

    @contextmanager
    def _again(self, held: "_Held") -> Iterator[None]:
        """The turn of a request that has left it, for what it still has to compute."""
        self._take_back(held)
        try:
            yield
        finally:
            self.leave()

    def _take_back(self, held: "_Held") -> None:
        if held.place == _APART:
            self._move(held, _INSIDE)
        held.begin()

    def _move(self, held: "_Held", place: str) -> None:
        with self._lock:
            if self._places[place] >= self._most:
                raise _busy()
            self._places[place] += 1
            self._places[held.place] -= 1
        held.place = place


class _Held:
    """The place of one request, and its turn `since` a time of the monotonic clock; 0 where it has left it."""

    __slots__ = ("_has_turn", "_spent", "_turns", "place", "since")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._has_turn = False
        self._spent = _UNKNOWN  # of processor time by this thread, before it began
        self.place = _INSIDE
        self.since = 0.0

    def begin(self) -> None:
        """Raises Busy."""
        turns = self._turns
        if turns._usual > SHORT:
            if not turns._turn.acquire(timeout=turns._patience):
                raise _busy()
            self._has_turn = True
        turns._begun += 1  # Without the lock, as the mean: one that is missed does no harm.
        if self._has_turn or turns._begun % _SAMPLE == 0:
            self._spent = time.thread_time()
        self.since = time.monotonic()

    def end(self) -> None:
        turns = self._turns
        if self._spent != _UNKNOWN:
            turns._usual += (time.thread_time() - self._spent - turns._usual) / _OF
            self._spent = _UNKNOWN
        self.since = 0.0
        if self._has_turn:
            self._has_turn = False
            turns._turn.release()

    def __enter__(self) -> None:
        turns = self._turns
        with turns._lock:
            if turns._places[_INSIDE] >= turns._most:
                raise _busy()
            turns._places[_INSIDE] += 1
        try:
            self.begin()
        except Busy:
            self._give_back()
            raise
        turns._held[threading.get_ident()] = self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        del self._turns._held[threading.get_ident()]
        if self.since:
            self.end()
        self._give_back()

    def _give_back(self) -> None:
        with self._turns._lock:
            self._turns._places[self.place] -= 1


def _busy() -> Busy:
    return Busy(TOO_MANY, retry_after=1)
