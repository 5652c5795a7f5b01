"""A real server for a test: `pserve` in a process of its own, on a port of the loopback that the system chooses."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

PATIENCE: Final = 60.0  # seconds, for a start, an answer and an end

_PSERVE: Final = """
import sys, warnings
warnings.filterwarnings("ignore", "pkg_resources is deprecated")
from pyramid.scripts.pserve import main
sys.exit(main(["pserve", sys.argv[1]]))
"""
INI: Final = """
[app:main]
use = egg:pyramid-mlserve
{settings}

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:0
threads = {threads}

[loggers]
keys = root, mlserve, access, waitress, queue

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
level = {access}
handlers =
qualname = mlserve.access

[logger_waitress]
level = INFO
handlers =
qualname = waitress

[logger_queue]
level = ERROR
handlers =
qualname = waitress.queue

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = json

[formatter_json]
class = mlserve.observability.logging.JsonFormatter
"""
_LISTENS: Final = re.compile(r"Serving on http://([\d.]+):(\d+)")


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ini_of(settings: Mapping[str, str], *, threads: int = 4, access: str = "INFO", form: str = INI) -> str:
    """The text of an INI with these settings: a server on a port that the system chooses, and JSON lines to stderr.

    `threads` is how many requests it works at, `access` the level of what is logged of each, and `form` all the rest.
    """
    lines = (f"{key} = {value.replace('%', '%%')}" for key, value in settings.items())
    return form.format(settings="\n".join(lines), threads=threads, access=access)


class RunningServer:
    """`with RunningServer(folder, settings) as server:` starts it, and ends it by its process id.

    `folder` holds its INI, `server.ini`; what it prints is in `output`. AssertionError, with that, where it does not
    start. `threads` is how many requests it works at.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], *, threads: int = 4) -> None:
        self._ini = folder / "server.ini"
        self._ini.write_text(ini_of(settings, threads=threads), encoding="utf-8")
        self._lines: list[str] = []
        self._heard = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", _PSERVE, str(self._ini)]
        self.process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        with self._heard:
            self._heard.wait_for(lambda: self._ended or self._said() is not None, PATIENCE)
        if (found := self._said()) is None:
            self.stop()
            raise AssertionError(f"The server does not start:\n{self.output}")
        self.address = found[1], int(found[2])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()
        if error is not None:
            print(f"--- what the server printed:\n{self.output}")  # noqa: T201  # pytest shows it with the failure.

    @property
    def url(self) -> str:
        """Such as `http://127.0.0.1:40123`."""
        host, port = self.address
        return f"http://{host}:{port}"

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "\n".join(self._lines)

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own; a `body` that is not bytes is sent as JSON.

        Raises OSError or HTTPException when no whole answer arrives.
        """
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, sent, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def stop(self) -> int:
        """End it as an operator does; its exit status, negative for the signal that killed it."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._listener.join(PATIENCE)
        return status

    def _said(self) -> re.Match[str] | None:
        return next(filter(None, map(_LISTENS.search, self._lines)), None)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                with self._heard:
                    self._lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._heard.notify_all()
        with self._heard:
            self._ended = True
            self._heard.notify_all()
