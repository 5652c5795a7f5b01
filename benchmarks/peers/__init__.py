"""The servers that are compared: each is a module with a function `start(work, folder)` that gives a Peer."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks.processes import ServerProcess
from benchmarks.works import Work


class Peer(Protocol):
    """A running server. `version` names what it is made of; `path` is where the work's bodies are posted."""

    name: str
    version: str
    workers: int
    path: str
    process: ServerProcess

    def settle(self) -> None:
        """Wait until what the answered requests have caused is done, so that its cost is counted."""

    def close(self, answered: int, loads: int) -> str:
        """Stop, look whether all is well, and say what was found; `answered` requests were counted.

        `loads` is the most that were under way, uncounted, when a load ended. Raises SystemExit when it is not well.
        """


def peers() -> dict[str, Callable[[Work, Path], Peer]]:
    from benchmarks.peers import fastapi_server, mlserve_server

    return {"mlserve": mlserve_server.start, "fastapi": fastapi_server.start}
