"""`mlserve serve` with workers: the real program, on a port that the system chooses."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.factories import until
from tests.functional.servers import PATIENCE, Answer, Client

_INI = """
[app:main]
use = egg:pyramid-mlserve
{settings}

[server:workers]
use = egg:pyramid-mlserve#workers
host = 127.0.0.1
port = 0
{keys}

[loggers]
keys = root, mlserve
[handlers]
keys = console
[formatters]
keys = json
[logger_root]
level = WARNING
handlers = console
[logger_mlserve]
level = INFO
handlers =
qualname = mlserve
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = json
[formatter_json]
class = mlserve.observability.logging.JsonFormatter
"""
_PROGRAM = "import warnings; warnings.simplefilter('ignore'); from mlserve.cli import main; main()"


class Workers:
    """Supervisor, workers and background process of an INI. Ended by the supervisor's process id, and only that."""

    def __init__(self, ini: Path, settings: Mapping[str, str], **keys: Any) -> None:
        self.ini = ini
        self.lines: list[str] = []
        self.write(settings, **keys)
        self._heard = threading.Condition()
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-c", _PROGRAM, "serve", str(ini)]
        streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, env=environ, text=True, **streams)
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()  # Its processes end when it is gone.
        self.process.wait()
        if error is not None:
            print(f"--- {self.ini.name}:", *self.lines[-80:], sep="\n")

    def write(self, settings: Mapping[str, str], **keys: Any) -> None:
        """Write the INI anew."""
        lines = [f"{key} = {value.replace('%', '%%')}" for key, value in settings.items()]
        said = "\n".join(f"{key} = {value}" for key, value in keys.items())
        self.ini.write_text(_INI.format(settings="\n".join(lines), keys=said))

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = str(self.heard("serving")["address"]).removeprefix("http://").partition(":")
        return host, int(port)

    def heard(self, event: str, count: int = 1) -> dict[str, Any]:
        """The log event of that name, the `count`-th, waited for."""
        with self._heard:
            self._heard.wait_for(lambda: len(self.events(event)) >= count or self.process.poll() is not None, PATIENCE)
        found = self.events(event)
        assert len(found) >= count, f"{event} was not said {count} times:\n" + "\n".join(self.lines[-60:])
        return found[count - 1]

    def events(self, name: str) -> list[dict[str, Any]]:
        said = [json.loads(line) for line in [*self.lines] if line.startswith("{") and f'"event":"{name}"' in line]
        return [event for event in said if event["event"] == name]

    def pids(self, module: str) -> list[int]:
        """The running processes of this supervisor that run `mlserve.server.workers.<module>`."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                status = (path / "stat").read_text().rpartition(")")[2].split()
                command = (path / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if int(status[1]) == self.process.pid and f"mlserve.server.workers.{module}" in command:
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
        return self.process.wait(PATIENCE)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.lines.append(line.rstrip("\n"))
                self._heard.notify_all()
        self.process.wait()
        with self._heard:
            self._heard.notify_all()


def gone(pid: int) -> bool:
    """Whether a process has ended; one that is no child of ours is reaped by somebody else."""
    return not Path(f"/proc/{pid}").exists()


__all__ = ["Workers", "gone", "until"]
