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
keys = root, mlserve, access
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
[logger_access]
level = WARNING
handlers =
qualname = mlserve.access
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = json
[formatter_json]
class = mlserve.observability.logging.JsonFormatter
"""
_SERVE = ["from mlserve.cli import main; main()", "serve"]
_PSERVE = ["from pyramid.scripts.pserve import main; raise SystemExit(main())"]


class Workers:
    """Supervisor, workers and background process of an INI. Ended by the supervisor's process id, and only that."""

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
        self.ini = ini
        self.lines: list[str] = []
        self.write(settings, **keys)
        self._heard = threading.Condition()
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
        lines = [f"{key} = {value.replace('%', '%%')}" for key, value in settings.items()]
        said = "\n".join(f"{key} = {value}" for key, value in keys.items())
        self.ini.write_text(_INI.format(settings="\n".join(lines), keys=said))

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = str(self.heard("serving")["address"]).removeprefix("http://").partition(":")
        return host, int(port)

    def heard(self, event: str, count: int = 1, patience: float = 3 * PATIENCE) -> dict[str, Any]:
        """The log event of that name, the `count`-th, waited for; several processes may have to start before it."""
        with self._heard:
            self._heard.wait_for(lambda: len(self.events(event)) >= count or self.process.poll() is not None, patience)
        found = self.events(event)
        assert len(found) >= count, f"{event} was not said {count} times:\n" + "\n".join(self.lines[-60:])
        return found[count - 1]

    def wait_for(self, words: str) -> None:
        """Until a line of the output has these words; fails when the process ends without one."""
        with self._heard:
            done = self._heard.wait_for(
                lambda: any(words in line for line in self.lines) or self.process.poll() is not None, 3 * PATIENCE
            )
        assert done, "\n".join(self.lines[-60:])

    def events(self, name: str) -> list[dict[str, Any]]:
        said = [json.loads(line) for line in [*self.lines] if line.startswith("{") and f'"event":"{name}"' in line]
        return [event for event in said if event["event"] == name]

    def pids(self, kind: str) -> list[int]:
        """The running processes of this supervisor's: each `worker`, each `slow` one, or the `background` process."""
        word = {"worker": "fast", "background": "mlserve.server.workers.background"}.get(kind, kind)
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                status = (path / "stat").read_text().rpartition(")")[2].split()
                command = (path / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if int(status[1]) == self.process.pid and word in command:
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
        return self.process.wait(3 * PATIENCE)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
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
