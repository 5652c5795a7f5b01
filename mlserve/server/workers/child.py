"""One process of the supervisor's: it says when it is ready and that it is well, and is told when to leave."""

import os
import signal
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from mlserve.server.workers.starting import Start, in_an_interpreter

# Where nothing was heard of one that is ready for so long, it is held up: each says a word a second.
SILENCE = 5.0


class Child:
    """Started at once, by `start`, from its module and arguments. Raises OSError where it cannot be.

    Two pipes lead to it. It writes lines to the first: `ready`, and then `well SECONDS` each second, with for how long
    it has not done what is due, or `hangs`. From the second it reads lines; its end is that of the supervisor, however
    that ended, and so it never outlives it for long.

    `once` is a file that it reads until it is ready, which is removed then.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str | int],
        once: Path | None = None,
        start: Start = in_an_interpreter,
    ) -> None:
        self.born = time.monotonic()
        self.ready = False
        self.hangs = False  # by its own watch
        self.closed = False  # it has closed its end: it is about to end
        self.asked = self.killed = False  # whether it has been asked to leave, and made to
        self._behind = 0.0
        self._heard = self.born
        self._once = once
        with ExitStack() as theirs, ExitStack() as ours:
            ours.callback(self._remove_once)
            self._from, theirs_out = _pipe(ours, theirs)
            theirs_in, self._to = _pipe(theirs, ours)
            os.set_blocking(self._from, False)
            os.set_blocking(self._to, False)  # One that hangs must not hold the supervisor up.
            self._process = start(module, [*arguments, theirs_out, theirs_in])
            ours.pop_all()  # They stay open.

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal's number; None while it runs."""
        return self._process.poll()

    @property
    def age(self) -> float:
        """In seconds."""
        return time.monotonic() - self.born

    @property
    def silence(self) -> float:
        """For how many seconds nothing was heard of it."""
        return time.monotonic() - self._heard

    @property
    def behind(self) -> int:
        """For how many whole seconds it has not done what is due, by its own word or its silence."""
        return int(max(self._behind, self.silence if self.silence > SILENCE else 0.0))

    def fileno(self) -> int:
        """What becomes readable when it says something."""
        return self._from

    def listen(self) -> None:
        """Take in what it has said. A line is shorter than what a pipe takes in one piece."""
        with suppress(BlockingIOError):
            said = os.read(self._from, 4096).decode(errors="replace")
            self.closed = not said
            self._heard = time.monotonic()
            for line in said.splitlines():
                word, _, rest = line.partition(" ")
                if word == "ready":
                    self.ready = True
                    self._remove_once()
                self.hangs = self.hangs or word == "hangs"
                with suppress(ValueError):
                    self._behind = float(rest) if word == "well" else self._behind

    def tell(self, line: str) -> None:
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._to, line.encode() + b"\n")

    def terminate(self) -> None:
        self.asked = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self.killed = True
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """After its end."""
        self._process.wait()
        os.close(self._from)
        os.close(self._to)
        self._remove_once()

    def _remove_once(self) -> None:
        if self._once is not None:
            with suppress(OSError):
                self._once.unlink(missing_ok=True)

    def _signal(self, number: int) -> None:
        if self.status is None:
            self._process.send_signal(number)


def _pipe(reading: ExitStack, writing: ExitStack) -> tuple[int, int]:
    """Its two ends, each closed with what it is given to."""
    ends = os.pipe()
    reading.callback(os.close, ends[0])
    writing.callback(os.close, ends[1])
    return ends


def bury_strangers(ours: Collection[int]) -> None:
    """Whose parent ends first becomes the child of the supervisor, or of process 1, and nobody else waits for it."""
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in ours:
            os.waitpid(ended.si_pid, 0)
