"""One soak: a server with workers under full load, while it is mistreated; then whether all is as it should be."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlserve.db import migrate
from mlserve.testing import settings_of
from tests.factories import until
from tests.functional.servers import PATIENCE
from tests.functional.workers import Workers
from tests.soak import checks, watching
from tests.soak.chaos import WHOLE, Chaos
from tests.soak.databases import Database, database
from tests.soak.ledger import Ledger, read
from tests.soak.models import Versions, make_models
from tests.soak.schedule import LAST, schedule

# Connections that end in a reload without a byte of an answer: counted apart, and near zero.
LOST_IN_RELOAD = 2


@dataclass(frozen=True)
class Soak:
    """How long the load lasts, in seconds, and all else that is said on the command line."""

    seconds: float = 300.0
    database: str = "sqlite"
    seed: int = 0
    way: str = "process"
    workers: int = 2
    clients: int = 2
    threads: int = 3


@dataclass
class Report:
    """What was seen, and what of it is wrong; all is well without a reason."""

    lines: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, found: tuple[list[str], list[str]]) -> None:
        self.lines += found[0]
        self.reasons += found[1]


def soak(asked: Soak, folder: Path) -> Report:
    """Run one in a folder of its own; what is done is printed meanwhile."""
    print(asked, flush=True)
    models = make_models(folder)
    report = Report()
    with database(asked.database, folder) as stored:
        migrate.upgrade(stored.url, ["mlserve_linear:migrations", "mlserve_xgboost:migrations"])
        settings = _settings(folder, models, stored.url, asked.way)
        with Workers(folder / "soak.ini", settings, workers=asked.workers) as server:
            chaos = Chaos(server, stored, asked.workers, asked.seed)
            until(lambda: bool(server.events("serving")) or server.process.poll() is not None, WHOLE)
            for name, versions in models.items():
                chaos.deploy(name, versions.second)
            seconds = _load(asked, folder, server, stored, chaos, report)
        ledger = Ledger(chaos.happenings)
        for told in read(sorted(folder.glob("told-*.jsonl"))):
            ledger.add(told)
        report.add(_of_ledger(ledger, seconds))
        report.add(checks.check_log(stored.url, folder / "var", ledger, models))
        report.add(checks.check_lines(server, chaos.kills))
    return report


def _load(asked: Soak, folder: Path, server: Workers, stored: Database, chaos: Chaos, report: Report) -> float:
    """Load and chaos, then peace, then the end; for how many seconds there was load."""
    watch = watching.Watch(lambda: _processes(server))
    began = time.monotonic()
    with _clients(asked, folder, server.address) as clients:
        watch.start()
        chaos.run(schedule(asked.seed, asked.seconds, stored.stops))
        calm = time.monotonic()
        # However long the chaos has taken, the peace lasts as long as it should.
        threading.Event().wait(asked.seconds * (1 - LAST))
        until(lambda: server.call("GET", "/health/ready").json["status"] == "ok", PATIENCE)
        report.reasons += [f"a client ended with {one.returncode}" for one in clients if one.poll() is not None]
        watch.stop()
        report.add(watching.judge(watch, calm + 0.25 * (time.monotonic() - calm)))
        seconds = time.monotonic() - began
        if (status := chaos.end()) != 0:
            report.reasons.append(f"the server ended with status {status}")
        ended = chaos.happenings[-1]
        report.lines.append(f"end: {ended.ended - ended.began:.1f} s after SIGTERM all was answered and shipped")
    return seconds


def _of_ledger(ledger: Ledger, seconds: float) -> tuple[list[str], list[str]]:
    times = sorted(ledger.latencies)
    half, most = statistics.median(times), times[int(len(times) * 0.99)]
    lines = [
        f"requests: {len(times)} answered, {len(times) / seconds:.0f}/s;"
        f" half within {half * 1000:.1f} ms, 99 % within {most * 1000:.1f} ms, all within {times[-1] * 1000:.0f} ms",
        "asked: " + ", ".join(f"{kind} {count}" for kind, count in sorted(ledger.kinds.items())),
        "failed, and why: "
        + (", ".join(f"{why} {count}" for why, count in sorted(ledger.explained.items())) or "none"),
    ]
    if ledger.explained["reload"]:
        lines.append(f"of those in a reload, {ledger.reused} were on a connection that had carried a request before")
    reasons = [f"{len(ledger.reasons)} answers and failures have no reason"] if ledger.reasons else []
    reasons += ledger.reasons[:20]
    reloads = sum(one.kind == "reload" for one in ledger.happenings)
    if ledger.explained["reload"] > LOST_IN_RELOAD * reloads:
        reasons.append(f"{ledger.explained['reload']} connections ended without an answer in {reloads} reloads")
    return lines, reasons


@contextmanager
def _clients(asked: Soak, folder: Path, address: tuple[str, int]) -> Iterator[list["subprocess.Popen[bytes]"]]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "tests.soak.clients", str(folder), *map(str, address)]
    running = [
        subprocess.Popen(
            [*command, str(asked.seed * 10 + number), str(asked.threads)], env=environ, stdin=subprocess.PIPE
        )
        for number in range(asked.clients)
    ]
    try:
        yield running
        for one in running:
            one.communicate(timeout=PATIENCE * 2)
    finally:
        for one in running:
            one.kill()
            one.wait()


def _processes(server: Workers) -> dict[int, str]:
    found = {pid: name for name in ("worker", "background") for pid in server.pids(name)}
    return {server.process.pid: "supervisor", **found}


def _settings(folder: Path, models: dict[str, Versions], url: str, way: str) -> dict[str, str]:
    more: dict[str, Any] = {
        "database__url": url,
        "database__timeout": "2s",
        "log__way": way,
        "spool__keep": "0s",
        "spool__segment_size": "4MiB",
        "spool__shutdown_grace": "60s",
        "health__interval": "200ms",
        "registry__interval": "200ms",
    }
    first = {name: versions.first for name, versions in models.items()}
    return settings_of(folder, plugins="mlserve_linear xgboost", models=first, **more)
