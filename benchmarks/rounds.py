"""The rounds: servers are started, asked whether their answers are right, and loaded one at a time in random order."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from benchmarks.checks import check
from benchmarks.load import Measurement
from benchmarks.peers import SERVERS
from benchmarks.peers.in_process import Library
from benchmarks.peers.server import Failed, NotInstalled, Server
from benchmarks.works import Work


class Turn(NamedTuple):
    """One load."""

    server: Server
    work: Work
    connections: int


class Run:
    """What was measured, and what could not be: `missing` is left out, `failed` is wrong."""

    def __init__(
        self, folder: Path, seconds: float, repeats: int, say: Callable[[str], None], *, warm_up: bool = True
    ) -> None:
        self.measurements: list[Measurement] = []
        self.missing: list[str] = []
        self.failed: list[str] = []
        self._folder, self._seconds, self._say = folder, seconds, say
        self._rounds = range(0 if warm_up else 1, repeats + 1)

    def all(self, works: Sequence[Work], names: Iterable[str], *, time_starts: bool) -> None:
        """Every server on every work that it can do, model by model. The first model's servers are started twice."""
        names = list(names)
        for number, (model, some) in enumerate(groupby(works, lambda work: work.model.name)):
            self._model(model, list(some), names, time_starts and number == 0)

    def _model(self, model: str, works: list[Work], names: list[str], twice: bool) -> None:
        turns: list[Turn] = []
        started: list[Server] = []
        try:
            for name in names:
                server = SERVERS[name]()
                able = [work for work in works if work.name in server.works]
                if able and self._started(server, able, self._folder / model / name, twice):
                    started.append(server)
                    turns += [Turn(server, work, count) for work in able for count in connections_of(server, work)]
            for number in self._rounds:
                random.shuffle(turns)
                for turn in turns[:]:
                    if turn.server in started and not self._load(turn, number):
                        started.remove(turn.server)
            for server in started[:]:
                started.remove(server)
                with self._guarded(server):
                    server.resume()
                    self._say(f"{server.name} {server.close()}.")
        finally:
            for server in started:
                server.kill()

    def _started(self, server: Server, works: list[Work], folder: Path, twice: bool) -> bool:
        folder.mkdir(parents=True)
        with self._guarded(server) as going:
            server.start(works[0].model, works, folder, twice=twice)
            if not isinstance(server, Library):
                answers = check(server, works)
                server.begin()
                self._say(f"{server.name}: {answers:,} answers are the library's ({server.version})")
            server.pause()
            going.append(True)
        return bool(going)

    def _load(self, turn: Turn, number: int) -> bool:
        """The first round warms up. Whether the server is still in the run."""
        server = turn.server
        with self._guarded(server) as going:
            server.resume()
            found = server.load(turn.work, turn.connections, self._seconds if number else 1, number)
            server.pause()
            if found.errors:
                raise Failed(f"{found.errors} of {found.requests} requests of {turn.work.name} failed")
            self.measurements += [found] if number else []
            going.append(True)
        return bool(going)

    @contextmanager
    def _guarded(self, server: Server) -> Iterator[list[bool]]:
        """One server that is missing or wrong ends no long run: it is killed, and named at the end. What is done puts
        something into the list when it has gone well.
        """
        try:
            yield []
        except NotInstalled as error:
            self.missing.append(f"{server.name}: {error}")
            self._say(f"{server.name} is left out: {error}")
        except (Failed, OSError, HTTPException) as error:
            self.failed.append(f"{server.name}: {error}")
            self._say(f"{server.name} FAILED: {error}")
            server.kill()


def connections_of(server: Server, work: Work) -> Sequence[int]:
    if work.name != "single":
        return work.connections
    return [count for count in work.connections if count in server.single_connections or len(work.connections) == 1]
