"""A process's line to its supervisor: what it says, and what it is told."""

import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Line:
    """Over two inherited descriptors."""

    # How often it says that it is well, in seconds.
    PULSE = 1.0

    def __init__(self, out: int, into: int) -> None:
        self._out = out
        self._into = into

    def open(
        self,
        grace: float,
        on_farewell: Callable[[], None] = lambda: None,
        on_standing: Callable[[dict[str, Any]], None] = lambda standing: None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Listen from now on, in a thread of its own, which calls these: when the process is about to be asked to
        leave; with which processes of the host run, at each change; and when the supervisor is gone.

        When the supervisor is gone, however it ended, the process asks itself to leave, and has `grace` seconds for it.
        """
        arguments = (grace, on_farewell, on_standing, on_end)
        threading.Thread(target=self._listen, args=arguments, name="supervisor", daemon=True).start()

    def say(self, word: str) -> None:
        with suppress(BrokenPipeError):  # The supervisor is gone, which the other pipe tells.
            os.write(self._out, word.encode() + b"\n")

    def say_well(self, behind: float = 0.0) -> None:
        """Say so after a pause; `behind`: for how many seconds what is due has not been done."""
        time.sleep(self.PULSE)
        self.say(f"well {behind:.1f}")

    def _listen(
        self,
        grace: float,
        on_farewell: Callable[[], None],
        on_standing: Callable[[dict[str, Any]], None],
        on_end: Callable[[], None],
    ) -> None:
        with os.fdopen(self._into, "r", encoding="utf-8") as lines:
            for line in lines:
                word, _, rest = line.strip().partition(" ")
                if word == "farewell":
                    on_farewell()
                elif word == "standing":
                    on_standing(json.loads(rest))
        # Nobody is left who would end a process that hangs; the kernel does, whatever its interpreter is at.
        signal.alarm(math.ceil(grace))
        os.kill(os.getpid(), signal.SIGTERM)
        on_end()
