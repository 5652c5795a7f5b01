"""A server of the comparison: how it is started and asked, and what is looked at before and after a load."""

import json
import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.load import Load, Measurement, write_bodies
from benchmarks.models import ROOT, Model, Values
from benchmarks.processes import Failed, ServerProcess, free_port
from benchmarks.works import Work

JSON = "application/json"
# For what has fallen due while a server stood still. In seconds.
BREATH = 0.2
_VERSIONS = """
import sys
from importlib.metadata import version
print(*(f"{name} {version(name)}" for name in sys.argv[1:]), sep=", ")
"""


class NotInstalled(Exception):
    """The server is left out, which is said."""


class Answer(NamedTuple):
    """One probability for each instance, and its label where the server gives one."""

    values: Values
    labels: list[str] | None


class Server(ABC):
    """`works` are those that it can do. Answers may differ by `tolerance` from the library's.

    A server that `refuses` answers 422 to what its peers refuse too; the others check less.
    """

    name: str
    version: str = ""
    workers: int = 2
    works: Sequence[str]
    single_connections: Sequence[int] = (1, 16)
    tolerance: float = 0.0
    refuses: bool = False
    process: ServerProcess
    start_s: float | None = None

    def start(self, model: Model, works: Sequence[Work], folder: Path, *, twice: bool) -> None:
        """Start on this model, in this folder, and wait for the first right answer.

        `twice`: the first start only fills caches, and the second is timed. Raises NotInstalled and Failed.
        """
        self.model, self.folder = model, folder
        self.prepare()
        self._bodies = {work.name: self._written(work) for work in works}
        self._run(works[0])
        if twice:
            self.process.stop()
            self.start_s = self._run(works[0])

    def prepare(self) -> None:  # noqa: B027
        """Write what the server needs into its folder. Raises NotInstalled."""

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """What starts it."""

    def environ(self) -> Mapping[str, str]:
        return {}

    def address(self, work: Work) -> tuple[str, str, str]:
        """Path, content type and what is accepted."""
        return "/predict", JSON, JSON

    def body(self, work: Work, number: int) -> bytes:
        """The request of that number."""
        return encode(named(work, number))

    def answer(self, work: Work, text: bytes) -> Answer:
        """What a body of an answer says."""
        outputs: list[dict[str, Any]] = json.loads(text)["outputs"]
        labels = [output["label"] for output in outputs] if "label" in outputs[0] else None
        return Answer(np.array([output["probability"] for output in outputs], np.float32), labels)

    def post(self, connection: HTTPConnection, work: Work, body: bytes) -> tuple[int, bytes]:
        path, content_type, accept = self.address(work)
        connection.request("POST", path, body, {"Content-Type": content_type, "Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def is_right(self, connection: HTTPConnection, work: Work, number: int) -> bool:
        """Whether it answers that request with what the library says."""
        status, text = self.post(connection, work, self.body(work, number))
        if not 200 <= status < 300:
            return False
        found, expected = self.answer(work, text), work.expected(number)
        if len(found.values) != len(expected):
            return False
        # Not a number equals nothing, so a missing answer is found too.
        if not (np.abs(found.values - expected) <= self.tolerance).all():
            return False
        return found.labels is None or found.labels == work.model.labels(found.values)

    def begin(self) -> None:  # noqa: B027
        """After the checks: what was answered until now is not counted."""

    def load(self, work: Work, connections: int, seconds: float, turn: int) -> Measurement:
        """Raises SystemExit where wrk itself fails; what the server refuses or breaks is counted as errors."""
        process = self.process
        cpu = process.cpu_seconds()
        beside = self._begin(work.beside, work.beside.connections[0], seconds) if work.beside else None
        told = self._begin(work, connections, seconds).result()
        others = beside.result() if beside else {"requests": 0, "errors": 0}
        answered, under_way = told["requests"] + others["requests"], connections
        if work.beside:
            under_way += work.beside.connections[0]
        waiting, ended = self.backlog(), time.monotonic()
        self.settle(answered, under_way)
        drained = time.monotonic() - ended
        cpu = process.cpu_seconds() - cpu
        return self.measured(
            work,
            connections,
            turn,
            requests=told["requests"],
            requests_per_s=round(told["requests"] / told["seconds"], 1),
            p50_ms=told["p50_ms"],
            p99_ms=told["p99_ms"],
            cpu_ms_per_request=round(cpu / max(answered, 1) * 1e3, 4),
            pss_mib=round(process.pss_mib(), 1),
            errors=told["errors"] + others["errors"],
            backlog_mib=None if waiting is None else round(waiting / 2**20, 2),
            drain_s=None if waiting is None else round(drained, 2),
        )

    def measured(self, work: Work, connections: int, turn: int, **figures: Any) -> Measurement:
        """These figures as the measurement of one load of this server."""
        return Measurement(
            server=self.name,
            version=self.version,
            work=work.name,
            connections=connections,
            workers=self.workers,
            round=turn,
            start_s=self.start_s,
            **figures,
        )

    def backlog(self) -> int | None:
        """How many bytes of what was answered are not where they are to be; None of a server that keeps nothing."""
        return None

    def settle(self, answered: int, under_way: int) -> None:  # noqa: B027
        """Wait until what the answered requests have caused is done, so that its cost is counted.

        `under_way` is the most that may have been answered and not counted. Raises Failed.
        """

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()
        time.sleep(BREATH)

    def close(self) -> str:
        """Stop it, look whether all is well, and say what was found. Raises Failed."""
        self.process.stop()
        return "keeps nothing"

    def kill(self) -> None:
        """Where something went wrong before."""
        if hasattr(self, "process"):
            self.process.kill()

    def _run(self, work: Work) -> float:
        port = free_port()
        # One model thread for each server: more only cost time for a single row.
        environ = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **self.environ()}
        self.process = ServerProcess(self.command(port), port, self.folder, environ=environ)
        return round(self.process.wait(lambda connection: self.is_right(connection, work, 0)), 2)

    def _begin(self, work: Work, connections: int, seconds: float) -> Load:
        if work.name not in self._bodies:  # One that only runs beside another.
            self._bodies[work.name] = self._written(work)
        return Load(self.process.port, self._bodies[work.name], self.address(work), connections, seconds)

    def _written(self, work: Work) -> Path:
        return write_bodies(
            self.folder / f"{work.name}.bodies", [self.body(work, number) for number in range(work.count)]
        )


class Peer(Server):
    """Somebody else's server, in an environment of its own."""

    environment: str
    packages: Sequence[str]

    def prepare(self) -> None:
        if not self.binary("python").exists() or not (self._environment / ".installed").exists():
            raise NotInstalled(f"benchmarks/install.sh {self.environment} installs it")
        command = [str(self.binary("python")), "-c", _VERSIONS, *self.packages]
        self.version = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    @property
    def _environment(self) -> Path:
        return ROOT / "benchmarks" / f".venv-{self.environment}"

    def binary(self, name: str) -> Path:
        return self._environment / "bin" / name

    def environ(self) -> Mapping[str, str]:
        """Its own programs come first, for those that start others by name."""
        return {
            "MODEL": str(self.model.artefact),
            "PATH": f"{self._environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self._environment),
        }


def encode(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def named(work: Work, number: int) -> dict[str, Any]:
    """The JSON of a server that takes instances, or columns, by field name."""
    instances = work.instances(number)
    if work.form == "columns":
        return {"columns": {field: [row[field] for row in instances] for field in work.model.fields}}
    return {"instances": instances}


__all__ = ["JSON", "Answer", "Failed", "NotInstalled", "Peer", "Server", "encode"]
