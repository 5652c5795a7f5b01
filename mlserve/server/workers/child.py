"""One process of the supervisor's: it says when it is ready, and is told when to leave."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress


class Child:
    """Started at once, in an interpreter of its own.

    Two pipes lead to it. It writes a line to the first when it is ready. From the second it reads lines; its end is
    that of the supervisor, however that ended, and so it never outlives it for long.
    """

    def __init__(self, module: str, arguments: Sequence[str], descriptors: Sequence[int] = ()) -> None:
        self.born = time.monotonic()
        self.ready = False
        self.hangs = False  # by its own watch
        self.silent = False  # it has closed its end: it is about to end
        self.asked = False  # whether it has been asked to leave
        self._from, theirs_out = os.pipe()
        theirs_in, self._to = os.pipe()
        os.set_blocking(self._from, False)
        os.set_blocking(self._to, False)  # One that hangs must not hold the supervisor up.
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, str(theirs_out), str(theirs_in)],
                pass_fds=[*descriptors, theirs_out, theirs_in],
                process_group=0,  # Ctrl-C of a terminal is for the supervisor, which ends them in order.
            )
        finally:
            os.close(theirs_out)
            os.close(theirs_in)

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

    def fileno(self) -> int:
        """What becomes readable when it says something."""
        return self._from

    def listen(self) -> None:
        """Take in what it has said."""
        with suppress(BlockingIOError):
            said = os.read(self._from, 4096).split()
            self.silent = not said
            self.ready = self.ready or b"ready" in said
            self.hangs = self.hangs or b"hangs" in said

    def tell(self, line: str) -> None:
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._to, line.encode() + b"\n")

    def terminate(self) -> None:
        self.asked = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """After its end."""
        self._process.wait()
        os.close(self._from)
        os.close(self._to)

    def _signal(self, number: int) -> None:
        if self.status is None:
            self._process.send_signal(number)
