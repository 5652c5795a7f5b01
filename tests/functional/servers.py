"""Real servers for tests of durability: `pserve` in a process of its own, clients that remember what was answered.

Nothing here sleeps to give something time: a server tells on its standard error where it listens, and a load tells
when it has so many answers.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import text

from mlserve.db.engine import open_database
from mlserve.predictions.spool.gauge import SpoolGauge
from tests.factories import until

PACKAGES = Path(__file__).parents[1] / "packages"
PATIENCE = 30.0

_INI = """
[app:main]
use = egg:pyramid-mlserve
{settings}

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:0
threads = {threads}

[loggers]
keys = root, mlserve, waitress, waitress_queue, access

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

[logger_waitress]
level = INFO
handlers =
qualname = waitress

[logger_waitress_queue]
level = ERROR
handlers =
qualname = waitress.queue

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


class Server:
    """`pserve` on an INI of its own, on a port that the system chooses. Ended by its process id, and only that."""

    def __init__(self, ini: Path, settings: Mapping[str, str], *, threads: int = 4) -> None:
        lines = [f"{key} = {value.replace('%', '%%')}" for key, value in settings.items()]
        ini.write_text(_INI.format(settings="\n".join(lines), threads=threads))
        self.ini = ini
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if self._client is not None:
            self._client.close()
        if error is not None:
            print(f"--- {self.ini.name}:", *self.lines[-60:], sep="\n")

    def launch(self) -> Self:
        """Begin to start; `address` waits until it listens, `ended` until it has given up."""
        self.lines = []
        if self._client is not None:
            self._client.close()
            self._client = None
        environ = {**os.environ, "PYTHONWARNINGS": "ignore:pkg_resources is deprecated"}
        environ["PYTHONPATH"] = os.pathsep.join([str(PACKAGES), *filter(None, [environ.get("PYTHONPATH")])])
        command = [str(Path(sys.executable).with_name("pserve")), str(self.ini)]
        self._process = subprocess.Popen(
            command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        return self

    def start(self) -> Self:
        """Launched and listening."""
        self.launch().address  # noqa: B018
        return self

    @property
    def process(self) -> "subprocess.Popen[str]":
        assert self._process is not None, "not launched"
        return self._process

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as soon as it listens."""
        event = json.loads(self.wait_for('"event":"Serving on http://'))["event"]
        host, _, port = event.rpartition("/")[2].partition(":")
        return host, int(port)

    def wait_for(self, words: str) -> str:
        """The first line of this launch's output with these words; fails when the process ends without one."""
        with self._heard:
            self._heard.wait_for(lambda: self._find(words) or self._ended(), PATIENCE)
        found = self._find(words)
        assert found is not None, f"{words!r} was not said:\n" + "\n".join(self.lines)
        return found

    def heard(self, event: str) -> dict[str, Any]:
        """The first log event of that name in this launch, waited for."""
        fields: dict[str, Any] = json.loads(self.wait_for(f'"event":"{event}"'))
        return fields

    def kill(self) -> None:
        """SIGKILL: nothing in the process gets a chance."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def terminate(self) -> None:
        """SIGTERM; `ended` waits for the end."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """The exit status, once the process is gone and all its output is here."""
        status = self.process.wait(PATIENCE)
        with self._heard:
            self._heard.wait_for(self._ended, PATIENCE)
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

    def _find(self, words: str) -> str | None:
        return next((line for line in self.lines if words in line), None)

    def _ended(self) -> bool:
        return bool(self.lines) and self.lines[-1] == ""

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        lines = self.lines
        with process.stdout:
            for line in process.stdout:
                with self._heard:
                    lines.append(line.rstrip("\n") or " ")
                    self._heard.notify_all()
        with self._heard:
            lines.append("")
            self._heard.notify_all()


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


@dataclass
class Ledger:
    """What clients were told, over all launches of a server."""

    answered: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # id → instances sent, outputs answered
    refused: list[Answer] = field(default_factory=list)
    broken: int = 0  # requests without a whole answer: each may be in the log, or not
    moved: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, condition: Callable[["Ledger"], bool]) -> None:
        with self.moved:
            assert self.moved.wait_for(lambda: condition(self), PATIENCE), "the load does not get on"

    def check(self, url: str, spool: Path) -> int:
        """Every answered prediction is in SQL exactly once, as it was answered; how many others are there.

        What is still in the spool is waited for.
        """
        database = open_database(url)
        gauge = SpoolGauge(spool, database)
        try:
            until(lambda: gauge.read().backlog_records == 0, PATIENCE)
            with database.read() as connection:
                rows = connection.execute(
                    text("SELECT CAST(id AS TEXT), n, CAST(inputs AS TEXT), CAST(outputs AS TEXT) FROM predictions")
                ).all()
                instances = connection.execute(text("SELECT count(*) FROM prediction_instances")).scalar_one()
        finally:
            database.close()
        kept = {row[0]: (json.loads(row[2]), json.loads(row[3])) for row in rows}
        assert len(kept) == len(rows)
        missing = self.answered.keys() - kept.keys()
        assert not missing, (
            f"{len(missing)} of {len(self.answered)} answered predictions are lost: {sorted(missing)[:5]}"
        )
        for identity, told in self.answered.items():
            assert kept[identity] == told
        assert instances == sum(row[1] for row in rows)
        return len(rows) - len(self.answered)


class Load:
    """Threads that predict, one request after another on a connection of their own, until stopped or disconnected."""

    def __init__(self, server: Server, ledger: Ledger, *, clients: int = 4, seed: int = 0) -> None:
        self._ledger = ledger
        self._stopping = threading.Event()
        address = server.address
        self._threads = [
            threading.Thread(target=self._run, args=(address, random.Random(seed * 100 + number)), daemon=True)
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _run(self, address: tuple[str, int], chance: random.Random) -> None:
        client = Client(address)
        while not self._stopping.is_set():
            instances = _instances(chance)
            try:
                answer = client.call("POST", "/api/v1/models/line/predictions", {"instances": instances})
            except (OSError, HTTPException):
                with self._ledger.moved:
                    self._ledger.broken += 1
                    self._ledger.moved.notify_all()
                break
            with self._ledger.moved:
                if answer.status == 200:
                    self._ledger.answered[answer.json["id"]] = (instances, answer.json["outputs"])
                else:
                    self._ledger.refused.append(answer)
                self._ledger.moved.notify_all()
        client.close()


def _instances(chance: random.Random) -> list[dict[str, float]]:
    """Mostly one, sometimes so many that their record is written in several pages."""
    count = chance.choices([1, 3, 40, 1500], [80, 15, 4, 1])[0]
    return [{"x": chance.uniform(-9, 9), "y": float(chance.randrange(1000))} for _ in range(count)]


@contextmanager
def served(ini: Path, settings: Mapping[str, str], *, threads: int = 4) -> Iterator[Server]:
    """A server that listens, killed at the end if it still runs."""
    with Server(ini, settings, threads=threads) as server:
        yield server.start()
