"""Who is inside a loaded version, so that its memory is given back only when nobody is."""

import threading
from types import TracebackType

from mlserve.errors import ModelNotReady


class Users:
    """Counts who is inside `with users:`; `refuse_new` lets nobody in any more.

    Every prediction passes here, so there is no lock: appending to a list and popping from it are atomic. Who enters
    is counted first and then looks whether it is open; who closes does so first and then counts. Whatever the order,
    one of them sees the other.
    """

    __slots__ = ("_closing", "_inside", "_left", "_open", "_taken")

    def __init__(self) -> None:
        self._inside: list[None] = []
        self._open = True
        self._closing = threading.Lock()
        self._left = threading.Event()
        self._taken = False

    @property
    def refused(self) -> bool:
        """Whether nobody is let in any more."""
        return not self._open

    def __enter__(self) -> None:
        """Raises ModelNotReady after `refuse_new`."""
        self._inside.append(None)
        if not self._open:
            self._inside.pop()
            self._tell()
            raise ModelNotReady("This version of the model is closed.", retry_after=5)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.pop()
        if not self._open:
            self._tell()

    def refuse_new(self) -> bool:
        """Let nobody in any more; whether somebody was let in until now."""
        with self._closing:
            was_open, self._open = self._open, False
        self._tell()
        return was_open

    def wait(self, seconds: float) -> int:
        """After `refuse_new`: wait until all are gone, `seconds` at most; how many are still there."""
        return 0 if self._left.wait(seconds) else len(self._inside)

    def take_over(self) -> bool:
        """After `wait` has found nobody: True for the first who asks, who may take away what was used."""
        with self._closing:
            taken, self._taken = self._taken, True
        return not taken

    def _tell(self) -> None:
        if not self._inside:
            self._left.set()
