"""A process's line to its supervisor: what it says, and what it is told."""

import json
import os
import threading
from collections.abc import Callable
from typing import Any


class Line:
    """Over two inherited descriptors. `on_farewell` is called once, in a thread of the line's own, and `on_end` when
    the supervisor is gone, however it ended.
    """

    def __init__(self, out: int, into: int) -> None:
        self.standing: dict[str, Any] = {}  # of all processes, as told last
        self._out = out
        self._into = into
        self._on_farewell: Callable[[], None] = lambda: None
        self._on_end: Callable[[], None] = lambda: None

    def open(self, on_farewell: Callable[[], None], on_end: Callable[[], None]) -> None:
        self._on_farewell, self._on_end = on_farewell, on_end
        threading.Thread(target=self._listen, name="supervisor", daemon=True).start()

    def say(self, word: str) -> None:
        try:
            os.write(self._out, word.encode() + b"\n")
        except BrokenPipeError:
            pass  # The supervisor is gone, which the other pipe tells.

    def _listen(self) -> None:
        with os.fdopen(self._into, "r", encoding="utf-8") as lines:
            for line in lines:
                word, _, rest = line.strip().partition(" ")
                if word == "farewell":
                    self._on_farewell()
                elif word == "standing":
                    self.standing = json.loads(rest)
        self._on_end()
