"""The library without a server: as many processes as there are connections, at most one for each core."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.load import Measurement
from benchmarks.models import ROOT, Model
from benchmarks.peers.server import Server
from benchmarks.works import Work


class Library(Server):
    """`Booster.inplace_predict`, on one thread, of rows that are in memory already."""

    name = "library"
    version = f"xgboost-cpu {version('xgboost-cpu')}"
    works = ("single", "arrow", "big")

    def start(self, model: Model, works: Sequence[Work], folder: Path, *, twice: bool) -> None:
        self.model, self.folder = model, folder
        for work in works:
            np.save(folder / f"{work.name}.npy", np.stack([work.matrix(number) for number in range(work.count)]))

    def command(self, port: int) -> list[str]:
        raise NotImplementedError

    def load(self, work: Work, connections: int, seconds: float, turn: int) -> Measurement:
        self.workers = min(connections, os.cpu_count() or 1)
        command = [sys.executable, "-m", "benchmarks.floors.calls", str(self.model.artefact)]
        command += [str(self.folder / f"{work.name}.npy"), str(seconds)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(self.workers)]
        told = [json.loads(process.communicate()[0]) for process in running]
        requests = sum(len(process["ms"]) for process in told)
        times = np.concatenate([process["ms"] for process in told])
        return self.measured(
            work,
            connections,
            turn,
            requests=requests,
            requests_per_s=round(sum(len(process["ms"]) / process["seconds"] for process in told), 1),
            p50_ms=round(float(np.percentile(times, 50)), 4),
            p99_ms=round(float(np.percentile(times, 99)), 4),
            cpu_ms_per_request=round(sum(process["cpu_s"] for process in told) / max(requests, 1) * 1e3, 4),
            pss_mib=0.0,
            errors=0,
        )

    def pause(self) -> None:
        """Between loads nothing runs."""

    def resume(self) -> None:
        """Between loads nothing runs."""

    def close(self) -> str:
        return "serves nothing"
