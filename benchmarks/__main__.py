"""`make bench`: mlserve and its peers on the same work, in turns, on this machine.

Servers run one process each, all at once, and one is loaded at a time, in an order drawn anew for each round; what is
printed is the median of the rounds and their range.
"""

import argparse
import json
import os
import platform
import random
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.checks import check
from benchmarks.load import Measurement, load, require_wrk
from benchmarks.peers import Peer, peers
from benchmarks.works import WORKS, Work

RESULTS = Path(__file__).with_name("results")
# With fewer, ranges lie apart by chance too often.
FEWEST_ROUNDS = 3
# What the answers are computed and served with: its versions stand beside the figures.
LIBRARIES = ("pyramid", "waitress", "msgspec", "numpy", "xgboost-cpu", "pyramid-mlserve-xgboost")


def main() -> None:
    options = _options()
    wrk = require_wrk()
    work = WORKS[options.work]()
    print(f"{work.name}: {len(work.bodies):,} requests; {machine()}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        measurements = run(work, options, Path(name))
    print(table(measurements))
    path = write(measurements, wrk)
    print(f"Written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}.")


def run(work: Work, options: argparse.Namespace, folder: Path) -> list[Measurement]:
    """Start, check, warm up, load and stop the servers. Raises SystemExit where anything is not as it should be."""
    started: list[Peer] = []
    answered: dict[str, int] = {}
    uncounted: dict[str, int] = dict.fromkeys(options.servers, 0)
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(work.bodies) + b"\n")
    measurements: list[Measurement] = []
    try:
        for name in options.servers:
            (folder / name).mkdir()
            peer = peers()[name](work, folder / name)
            started.append(peer)
            answered[name] = check(peer, work)
            print(f"{name}: {answered[name]:,} answers equal the library's to the bit ({peer.version})", flush=True)
        for repeat in range(options.repeats + 1):
            turns = [(peer, connections) for peer in started for connections in options.connections]
            random.shuffle(turns)
            for peer, connections in turns:
                seconds = options.seconds if repeat else 1  # The first round warms up.
                found = load(peer, work.name, bodies, connections, seconds)
                if found.errors:
                    raise SystemExit(f"{peer.name} failed {found.errors} requests:\n{peer.process.output()}")
                answered[peer.name] += found.requests
                uncounted[peer.name] += connections
                measurements += [found] if repeat else []
        for peer in started[:]:
            started.remove(peer)
            print(peer.close(answered[peer.name], uncounted[peer.name]), flush=True)
    finally:
        for peer in started:
            peer.process.kill()
    return measurements


def table(measurements: Sequence[Measurement]) -> str:
    """Medians with their range, and how each server stands to the first."""
    lines = [
        "",
        f"{'connections':<12}{'server':<10}{'requests/s':>22}{'p50 ms':>20}{'p99 ms':>20}{'CPU ms':>22}{'MiB':>7}",
    ]
    first: dict[int, tuple[str, list[float]]] = {}
    for connections in sorted({found.connections for found in measurements}):
        for server in dict.fromkeys(found.server for found in measurements):
            some = [found for found in measurements if (found.connections, found.server) == (connections, server)]
            rates = [found.requests_per_s for found in some]
            name, reference = first.setdefault(connections, (server, rates))
            told = "" if name == server else f"   {verdict(name, reference, rates)}"
            cells = [
                _cell(rates, ",.0f", 22),
                _cell([found.p50_ms for found in some], ".2f", 20),
                _cell([found.p99_ms for found in some], ".1f", 20),
                _cell([found.cpu_ms_per_request for found in some], ".3f", 22),
                f"{median(found.pss_mib for found in some):>7.0f}",
            ]
            lines.append(f"{connections:<12}{server:<10}{''.join(cells)}{told}")
    return "\n".join([*lines, ""])


def verdict(name: str, reference: Sequence[float], rates: Sequence[float]) -> str:
    """How many times as many requests a second `name` answers: the ratio of the medians, where the rounds tell one."""
    apart = min(reference) > max(rates) or max(reference) < min(rates)
    if min(len(reference), len(rates)) < FEWEST_ROUNDS or not apart:
        return "too close, or too few rounds, to tell"
    return f"{name} answers {median(reference) / median(rates):.2f} times as many"


def _cell(values: list[float], form: str, width: int) -> str:
    return f"{format(median(values), form)} ({format(min(values), form)}-{format(max(values), form)})".rjust(width)


def write(measurements: Sequence[Measurement], wrk: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    whole = {
        "date": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "machine": machine(),
        "python": platform.python_version(),
        "wrk": wrk,
        "libraries": {name: version(name) for name in LIBRARIES},
        "measurements": [asdict(found) for found in measurements],
    }
    path.write_text(json.dumps(whole, indent=1) + "\n")
    return path


def machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", choices=WORKS, default="flight")
    parser.add_argument("--servers", nargs="+", choices=peers(), default=list(peers()), metavar="SERVER")
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 16], metavar="N")
    parser.add_argument("--repeats", type=int, default=5, help="rounds beside the warm-up (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="of each load (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
