"""A process's line to its supervisor: what it says, and what it is told."""

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Line:
    """Over two inherited descriptors."""

    def __init__(self, out: int, into: int) -> None:
        self._out = out
        self._into = into

    def open(
        self,
        on_end: Callable[[], None],
        on_farewell: Callable[[], None] = lambda: None,
        on_standing: Callable[[dict[str, Any]], None] = lambda standing: None,
    ) -> None:
        """Listen from now on, in a thread of its own, which calls these: when the supervisor is gone, however it ended;
        when the process is about to be asked to leave; and with which processes of the host run, at each change.
        """
        arguments = (on_end, on_farewell, on_standing)
        threading.Thread(target=self._listen, args=arguments, name="supervisor", daemon=True).start()

    def say(self, word: str) -> None:
        with suppress(BrokenPipeError):  # The supervisor is gone, which the other pipe tells.
            os.write(self._out, word.encode() + b"\n")

    def _listen(
        self,
        on_end: Callable[[], None],
        on_farewell: Callable[[], None],
        on_standing: Callable[[dict[str, Any]], None],
    ) -> None:
        with os.fdopen(self._into, "r", encoding="utf-8") as lines:
            for line in lines:
                word, _, rest = line.strip().partition(" ")
                if word == "farewell":
                    on_farewell()
                elif word == "standing":
                    on_standing(json.loads(rest))
        on_end()
