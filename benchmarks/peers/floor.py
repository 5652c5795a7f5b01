"""The floor: what is left of a prediction when there is no framework at all."""

import os
import sys
from importlib.metadata import version

from benchmarks.models import ROOT
from benchmarks.peers.server import JSON, Server
from benchmarks.works import Work


class Floor(Server):
    """`benchmarks.floors.bare`, with the engine `exact` or `onnx`."""

    works = ("single",)
    single_connections = (16,)

    def __init__(self, name: str, *, engine: str = "exact") -> None:
        self.name, self._engine = name, engine
        self.tolerance = 1e-6 if engine == "onnx" else 0.0
        self.version = ", ".join(f"{name} {version(name)}" for name in ("granian", "msgspec", "numpy", "xgboost-cpu"))

    def command(self, port: int) -> list[str]:
        given = [str(self.model.artefact), self._engine, str(self.folder), str(port), str(self.workers)]
        return [sys.executable, "-m", "benchmarks.floors.bare", *given]

    def environ(self) -> dict[str, str]:
        return {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}

    def address(self, work: Work) -> tuple[str, str, str]:
        return "/", JSON, JSON
