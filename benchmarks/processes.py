"""A server's processes: started, asked for their cost in /proc, stopped by their own id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A server that is not as it should be: it is left out, and the run ends with its name."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class ServerProcess:
    """A server on a port of the loopback, with all processes that it starts; its output goes into `<folder>/out`."""

    def __init__(
        self, command: Sequence[str], port: int, folder: Path, *, environ: Mapping[str, str] | None = None
    ) -> None:
        """Start it in `folder`; `wait` says when it answers."""
        self.port = port
        self._out = folder / "out"
        self._started = time.monotonic()
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(environ or {})},
                cwd=folder,
            )

    def wait(self, answers: Callable[[HTTPConnection], bool]) -> float:
        """Seconds from the start until it `answers`, asked again and again. Kills it where it does not.

        Raises Failed where it ends, or takes too long.
        """
        while not self._is_answering(answers):
            if self._process.poll() is not None or time.monotonic() > self._started + PATIENCE:
                self.kill()
                raise Failed(f"it does not start: {self.output()}")
            time.sleep(0.01)
        return time.monotonic() - self._started

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def cpu_seconds(self) -> float:
        """User and system time so far, of all processes and of those that have ended."""
        return sum(_ticks(pid) for pid in self._pids()) / _TICKS

    def pss_mib(self) -> float:
        """Memory, with what processes share counted once."""
        return sum(_pss(pid) for pid in self._pids()) / 1024

    def pause(self) -> None:
        """Stop it in its tracks, so that it costs the others nothing: what watches first, what is watched last."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """What is watched first."""
        for pid in reversed(self._pids()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM, and the end waited for. Raises Failed where that takes too long."""
        pids = self._pids()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"it does not end within {PATIENCE:g} s: {self.output()}") from None
        for pid in pids[1:]:  # Some leave theirs behind.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        for pid in reversed(self._pids()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def output(self) -> str:
        return self._out.read_text(errors="replace")[-4000:]

    def _pids(self) -> list[int]:
        """Parents before children."""
        if self._process.poll() is not None:
            return []
        found = [self._process.pid]
        for pid in found:
            with suppress(FileNotFoundError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    with suppress(FileNotFoundError):
                        found += map(int, (task / "children").read_text().split())
        return found

    def _is_answering(self, answers: Callable[[HTTPConnection], bool]) -> bool:
        connection = self.connection()
        try:
            return answers(connection)
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _ticks(pid: int) -> int:
    """Of a process, and of its children that have ended; one that is just ending is its parent's to tell."""
    try:
        # From the third field on: the second, in parentheses, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, fields[11:15]))


def _pss(pid: int) -> int:
    """In KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
