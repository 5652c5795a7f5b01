"""The two ways to start a process: an interpreter of its own, and a fork of one that has imported all."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

from mlserve.server.workers.template import LONGEST

# For an answer of a template, in seconds: it does nothing else.
PATIENCE = 3.0


class Running(Protocol):
    """A child process, as `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def send_signal(self, number: int, /) -> None: ...


# From a module that has `main`, and its arguments, of which the numbers are descriptors to inherit. Raises OSError.
Start = Callable[[str, Sequence[str | int]], Running]


class NotForked(OSError):
    """A template has forked no process, as far as one knows."""


def in_an_interpreter(module: str, arguments: Sequence[str | int]) -> subprocess.Popen[bytes]:
    """`python -m MODULE ARGUMENT …`, in a process group of its own. Raises OSError."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={"OMP_NUM_THREADS": "1", **os.environ},  # They share the processors.
        pass_fds=[argument for argument in arguments if isinstance(argument, int)],
        process_group=0,  # Ctrl-C of a terminal is for the supervisor, which ends them in order.
    )


class Template:
    """The supervisor's end of a template (`template.py`), which begins to import at once. Raises OSError.

    `once` is a file that it reads until it is settled, which is removed then.
    """

    def __init__(self, module: str, ini: Path, modules: Sequence[str], once: Path | None = None) -> None:
        self.born = time.monotonic()
        self.is_ready = self.was_ready = False
        self.closed = False  # it has ended, or is not to be used
        self.reason = ""  # why it is not used any more
        self._once = once
        with ExitStack() as undo:
            undo.callback(self._remove_once)
            self._way, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(self._way.close)
            with theirs:
                self._process = in_an_interpreter(module, [theirs.fileno(), str(os.getpid()), str(ini), *modules])
            undo.pop_all()  # They stay.

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_settled(self) -> bool:
        return self.is_ready or self.closed

    @property
    def age(self) -> float:
        """In seconds."""
        return time.monotonic() - self.born

    def fileno(self) -> int:
        """What becomes readable when it says something, or has ended."""
        return self._way.fileno()

    def listen(self) -> None:
        """Take in that it is ready, or never will be, or has ended."""
        self._way.setblocking(False)
        try:
            said = self._way.recv(LONGEST)
        except BlockingIOError:
            return
        except OSError:  # As at its end.
            said = b""
        found = json.loads(said) if said else {}
        if "ready" in found:
            self.is_ready = self.was_ready = True
            self._remove_once()
        else:
            self.close(found.get("reason", ""))

    def start(self, module: str, arguments: Sequence[str | int]) -> Running:
        """Fork a process, which is this one's child. Raises NotForked."""
        descriptors = [argument for argument in arguments if isinstance(argument, int)]
        texts = [argument if isinstance(argument, str) else None for argument in arguments]
        try:
            self._way.settimeout(PATIENCE)
            socket.send_fds(self._way, [json.dumps({"module": module, "arguments": texts}).encode()], descriptors)
            found: dict[str, Any] = json.loads(self._way.recv(LONGEST) or b"{}")
            if "reason" not in found:
                return Forked(found["pid"])
        except (OSError, KeyError) as error:
            # It has died, or hangs. One that it may have forked all the same ends with the pipes that lead to it.
            reason = "it does not answer" if isinstance(error, TimeoutError) else ""
            self.close(reason)
            raise NotForked(self.reason) from error
        raise NotForked(found["reason"])

    def close(self, reason: str = "") -> None:
        """End it; the reason why it is not used any more, by default how it has ended."""
        if self.closed:
            return
        self.closed, self.is_ready = True, False
        if not reason:
            with suppress(subprocess.TimeoutExpired):
                reason = f"it ended with status {self._process.wait(timeout=PATIENCE)}"
        self.reason = reason
        self._process.kill()  # It holds nothing.
        self._process.wait()
        self._way.close()
        self._remove_once()

    def _remove_once(self) -> None:
        if self._once is not None:
            with suppress(OSError):
                self._once.unlink(missing_ok=True)


class Forked:
    """A process that a template has forked. Raises OSError where it is not this one's child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None
        self._look(os.WNOHANG)

    def poll(self) -> int | None:
        """Its exit status, negative for a signal's number; None while it runs."""
        if self._status is None:
            self._look(os.WNOHANG)
        return self._status

    def wait(self) -> int:
        while self._status is None:
            self._look(0)
        return self._status

    def send_signal(self, number: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.Signals(number))

    def _look(self, options: int) -> None:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self._status = os.waitstatus_to_exitcode(status)
