"""Random digits for ids, drawn from the system a few hundred at a time: each draw of its own is a system call."""

import os
import weakref

_BYTES = 4096


class Chance:
    """Calling it gives `digits` random hexadecimal digits (an even number), in any thread, and never the same again.

    A forked process forgets what its parent drew, so that it cannot repeat it.
    """

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self._drawn: list[str] = []
        mine = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(mine()))

    def __call__(self) -> str:
        try:
            return self._drawn.pop()  # Atomic: no two threads are given the same piece.
        except IndexError:
            text, size = os.urandom(_BYTES).hex(), self._digits
            drawn = [text[start : start + size] for start in range(0, len(text) - size + 1, size)]
            last = drawn.pop()
            self._drawn = drawn
            return last

    def forget(self) -> None:
        self._drawn = []


def _forget(chance: Chance | None) -> None:
    if chance is not None:
        chance.forget()
