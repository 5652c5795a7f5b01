"""`mlserve serve` with workers: the real program, on a port that the system chooses."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mlserve.testing.server import INI, ini_of
from tests.functional.servers import PATIENCE, Answer, Client, Talker

_INI = """
[app:main]
use = egg:pyramid-mlserve
{settings}

[server:workers]
use = egg:pyramid-mlserve#workers
host = 127.0.0.1
port = 0
KEYS

"""
_LOGGING = INI[INI.index("[loggers]") :]
_SERVE = ["from mlserve.cli import main; main()", "serve"]
_PSERVE = ["from pyramid.scripts.pserve import main; raise SystemExit(main())"]


class Workers(Talker):
    """Supervisor, workers and background process of an INI. Ended by the supervisor's process id, and only that."""

    PATIENCE = 3 * PATIENCE  # Several processes may have to start one after the other.

    def __init__(
        self,
        ini: Path,
        settings: Mapping[str, str],
        *,
        pserve: bool = False,
        command: list[str] | None = None,
        variables: Mapping[str, str] | None = None,
        **keys: Any,
    ) -> None:
        """Started by `mlserve serve`, by pserve, or by another server's `command`; `keys` are those of the section.

        `variables` are more of the environment.
        """
        super().__init__()
        self.ini = ini
        self.write(settings, **keys)
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
        environ |= variables or {}
        program, *verb = _PSERVE if pserve else _SERVE
        command = command or [sys.executable, "-c", program, *verb, str(ini), "--server-name", "workers"]
        streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, env=environ, text=True, **streams)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()  # Its processes end when it is gone.
        self.process.wait()
        self._listener.join(PATIENCE)  # All of them have closed the pipe.
        if error is not None:
            print(f"--- {self.ini.name}:", *self.lines[-80:], sep="\n")

    def write(self, settings: Mapping[str, str], **keys: Any) -> None:
        """Write the INI anew."""
        said = "\n".join(f"{key} = {value}" for key, value in keys.items())
        self.ini.write_text(ini_of(settings, access="WARNING", form=_INI.replace("KEYS", said) + _LOGGING))

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = str(self.heard("serving")["address"]).removeprefix("http://").partition(":")
        return host, int(port)

    def pids(self, kind: str) -> list[int]:
        """The running processes of this supervisor's: each `worker`, each `slow` one, or the `background` process."""
        name = {"background": "mlserve-shipper"}.get(kind, f"mlserve-{kind}")
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                status = (path / "stat").read_text().rpartition(")")[2].split()
                called = (path / "comm").read_text().strip()
            except OSError:
                continue
            if int(status[1]) == self.process.pid and called == name:
                found.append(int(path.name))
        return found

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own."""
        client = Client(self.address)
        try:
            return client.call(method, path, body, headers)
        finally:
            client.close()

    def checks(self) -> dict[str, Any]:
        """The health checks that whichever worker answers shows."""
        found: dict[str, Any] = self.call("GET", "/health/ready").json["checks"]
        return found

    def is_whole(self, workers: int) -> bool:
        return len(self.pids("worker")) == workers and len(self.pids("background")) == 1

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it in order; the exit status."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """The exit status, once all its processes are gone and all their output is here."""
        status = self.process.wait(self.PATIENCE)
        self._listener.join(self.PATIENCE)
        return status

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self._said.hear(output)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that is no child of ours is reaped by somebody else."""
    return not Path(f"/proc/{pid}").exists()
