"""A server's processes: started, asked for their cost in /proc, stopped by their own id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path

PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class ServerProcess:
    """A server on a port of the loopback, with all processes that it starts; its output goes into `<folder>/out`."""

    def __init__(
        self, command: Sequence[str], port: int, folder: Path, *, live: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self._out = folder / "out"
        # One model thread for each server: more only cost time for a single row.
        environ = {**os.environ, "OMP_NUM_THREADS": "1", **(environ or {})}
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, env=environ)
        try:
            self._wait_until_live(live)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def cpu_seconds(self) -> float:
        """User and system time so far, of all processes."""
        return sum(sum(map(int, _stat(pid)[11:13])) for pid in self._pids()) / _TICKS

    def pss_mib(self) -> float:
        """Memory, with what processes share counted once."""
        return sum(_pss(pid) for pid in self._pids()) / 1024

    def stop(self) -> None:
        """SIGTERM, and the end waited for. Raises SystemExit where that takes too long or goes wrong."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise SystemExit(f"A server did not end within {PATIENCE:g} s:\n{self.output()}") from None
        if status not in (0, -signal.SIGTERM):
            raise SystemExit(f"A server ended with status {status}:\n{self.output()}")

    def kill(self) -> None:
        for pid in reversed(self._pids()):
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
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def _wait_until_live(self, path: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._answers(path):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"A server does not start: {' '.join(self._process.args)}\n{self.output()}")  # type: ignore[arg-type]
            time.sleep(0.05)

    def _answers(self, path: str) -> bool:
        connection = self.connection()
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; the second, in parentheses, may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
