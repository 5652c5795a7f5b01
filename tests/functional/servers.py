"""Real servers for tests of durability: `pserve` in a process of its own, on a port that the system chooses.

Its process is forked from one that has imported what every server imports (`preloaded.py`), which takes longer than all
the rest of a start; `test_development.py`, `test_start.py` and the tutorial of the plugin start the program itself.

Nothing here sleeps to give something time: a server tells on its standard error where it listens, and a load tells
when it has so many answers.
"""

import atexit
import importlib.util
import json
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from pyramid.scripts import pserve

from mlserve.ini_file import open_ini
from mlserve.testing.server import INI, ini_of

PACKAGES = Path(__file__).parents[1] / "packages"
PATIENCE = 30.0

_FORKS = multiprocessing.get_context("forkserver")
_PRELOADED = f"{__package__}.preloaded"
# The fork server passes silently over what it cannot import: then all goes well, and slowly.
assert importlib.util.find_spec(_PRELOADED), "the preloaded module is gone"
_FORKS.set_forkserver_preload([_PRELOADED])

_INI = INI  # Tests of other servers put their own in its place.


class Talker:
    """What a program that runs says, line by line, and whoever waits for one of these."""

    PATIENCE = PATIENCE  # in seconds

    def __init__(self) -> None:
        self._begin_to_hear()

    def _begin_to_hear(self) -> None:
        """Of a program that has just been started, and of no earlier one."""
        self._said = Said()

    @property
    def lines(self) -> list[str]:
        return self._said.lines

    def wait_for(self, words: str) -> str:
        """The first line of the output with these words; fails when the program ends without one."""
        self._wait_for(lambda: any(words in line for line in self.lines), words)
        return next(line for line in self.lines if words in line)

    def heard(self, event: str, count: int = 1) -> dict[str, Any]:
        """The log event of that name, the `count`-th, waited for."""
        self._wait_for(lambda: len(self.events(event)) >= count, f"{event}, {count} times")
        return self.events(event)[count - 1]

    def events(self, name: str) -> list[dict[str, Any]]:
        """All of that name so far."""
        said = [json.loads(line) for line in [*self.lines] if line.startswith("{") and f'"event":"{name}"' in line]
        return [event for event in said if event["event"] == name]

    def _wait_for(self, is_said: Callable[[], bool], what: str) -> None:
        said = self._said
        with said.changed:
            said.changed.wait_for(lambda: is_said() or said.is_all, self.PATIENCE)
        assert is_said(), f"{what} was not said:\n" + "\n".join(said.lines[-60:])


class Said:
    """The output of one run of a program."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.is_all = False  # the program has closed it
        self.changed = threading.Condition()

    def hear(self, output: Iterable[str]) -> None:
        """Until its end."""
        for line in output:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.is_all = True
            self.changed.notify_all()


class Server(Talker):
    """`pserve` on an INI of its own, on a port that the system chooses. Ended by its process id, and only that."""

    def __init__(self, ini: Path, settings: Mapping[str, str], *, threads: int = 4) -> None:
        ini.write_text(ini_of(settings, threads=threads, access="WARNING", form=_INI))
        super().__init__()
        self.ini = ini
        self._process: BaseProcess | None = None
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process is not None and self._process.is_alive():
            self.kill()
        if self._client is not None:
            self._client.close()
        if error is not None:
            print(f"--- {self.ini.name}:", *self.lines[-60:], sep="\n")

    def launch(self) -> Self:
        """Begin to start; `address` waits until it listens, `ended` until it has given up."""
        self._begin_to_hear()
        if self._client is not None:
            self._client.close()
            self._client = None
        output, its_output = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_pserve, args=(self.ini, dict(os.environ), its_output), daemon=True)
        self._process.start()
        its_output.close()
        threading.Thread(target=_listen, args=(output, self._said), daemon=True).start()
        return self

    def start(self) -> Self:
        """Launched and listening."""
        self.launch().address  # noqa: B018
        return self

    @property
    def process(self) -> BaseProcess:
        assert self._process is not None, "not launched"
        return self._process

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as soon as it listens."""
        event = json.loads(self.wait_for('"event":"Serving on http://'))["event"]
        host, _, port = event.rpartition("/")[2].partition(":")
        return host, int(port)

    def kill(self) -> None:
        """SIGKILL: nothing in the process gets a chance."""
        self.process.kill()
        self.process.join(PATIENCE)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end in order; `ended` waits for the end."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self) -> int:
        """The exit status, once the process is gone and all its output is here."""
        self.process.join(PATIENCE)
        status = self.process.exitcode
        assert status is not None, "it does not end:\n" + "\n".join(self.lines)
        with self._said.changed:
            self._said.changed.wait_for(lambda: self._said.is_all, PATIENCE)
        return status

    def health(self) -> dict[str, Any]:
        """The body of /health/ready, whatever its status."""
        body: dict[str, Any] = self.call("GET", "/health/ready").json
        return body

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> "Answer":
        """One request over a connection of this object's own; for one thread."""
        if self._client is None:
            self._client = Client(self.address)
        return self._client.call(method, path, body, headers)


def _listen(output: Connection, said: Said) -> None:
    with output, open(output.fileno(), encoding="utf-8", closefd=False) as text:
        said.hear(text)


class Forked:
    """`pserve` of an INI, forked as `Server` is, in a folder of its own; what it prints is in `log`."""

    def __init__(self, folder: Path, ini: str, environ: Mapping[str, str], log: Path) -> None:
        log.write_bytes(b"")
        self._process = _FORKS.Process(target=_pserve_in, args=(folder, ini, dict(environ), log), daemon=True)
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float) -> int:
        """The exit status."""
        self._process.join(seconds)
        status = self._process.exitcode
        assert status is not None, "it does not end"
        return status


def _pserve_in(folder: Path, ini: str, environ: Mapping[str, str], log: Path) -> None:
    os.chdir(folder)
    with log.open("ab") as output:
        _pserve(ini, environ, output)


def _pserve(ini: Path | str, environ: Mapping[str, str], output: Connection | BinaryIO) -> None:
    """`pserve` of this INI, in the forked process: from here on what the program does in one of its own."""
    os.environ.clear()
    os.environ.update(environ)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")
    command = pserve.PServeCommand(["pserve", str(ini)])
    command._get_config_loader = open_ini  # Pyramid's own reads of each installed package what it is.
    try:
        sys.exit(command.run())
    finally:
        atexit._run_exitfuncs()  # An interpreter does at its end; a fork of `multiprocessing` does not.


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, kept open; a new one is made when it breaks, but no request is sent twice."""

    def __init__(self, address: tuple[str, int], *, patience: float = PATIENCE) -> None:
        self._connection = HTTPConnection(*address, timeout=patience)

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises OSError or HTTPException when no whole answer arrives."""
        headers = {"Content-Type": "application/json", **(headers or {})}
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = self._connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        except (OSError, HTTPException):
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


@contextmanager
def served(ini: Path, settings: Mapping[str, str], *, threads: int = 4) -> Iterator[Server]:
    """A server that listens, killed at the end if it still runs."""
    with Server(ini, settings, threads=threads) as server:
        yield server.start()
