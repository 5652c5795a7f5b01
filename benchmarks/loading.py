"""What loading a large model costs the answers of another: `python -m benchmarks.loading`.

One server as `pserve production.ini` runs it answers the demo model over four connections, first alone, and then while
a large model of another name is fetched, checked, loaded, warmed up and proved by its golden predictions, again and
again. What is printed is the latency of the demo model in both, turn by turn, and the factor between them.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import xgboost

from benchmarks.load import Measurement, require_wrk
from benchmarks.peers.mlserve_server import Mlserve
from benchmarks.report import machine
from benchmarks.works import works
from mlserve.bundles import package
from mlserve_xgboost.family import XGBoostFamily

MODEL = "/api/v1/models/large"
FIELDS = 20
# Rows of the data that trees grow on: enough for 2^depth leaves.
ROWS = 4000


def train(folder: Path, trees: int, depth: int) -> list[Path]:
    """Two archives of the same large model, which differ in their cards only, so that they are two versions."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(ROWS, FIELDS)).astype(np.float32)
    target = rows @ random.normal(size=FIELDS) + random.normal(size=ROWS)
    names = [f"feature_{number}" for number in range(FIELDS)]
    data = xgboost.DMatrix(rows, target, feature_names=names)
    options = {"max_depth": depth, "eta": 0.01, "max_bin": 64, "min_child_weight": 0, "nthread": 1}
    file = folder / "large.ubj"
    xgboost.train(options, data, trees).save_model(file)
    sample = {name: rows[:200, place] for place, name in enumerate(names)}
    archives = []
    for use in ("one", "other"):
        archives.append(folder / f"{use}.mlbundle")
        given: dict[str, Any] = {"family": XGBoostFamily(), "settings": {"threads": 1}, "metadata": {"use": use}}
        package(file, sample, name="large", out=archives[-1], **given)
    print(f"large: {trees} trees of depth {depth}, {file.stat().st_size / 1e6:.0f} MB", flush=True)
    return archives


class Loader:
    """Lets an alias name one of the two versions after the other, each as soon as the one before answers."""

    def __init__(self, peer: Mlserve) -> None:
        self._peer = peer
        self._version = 0
        self._ending = threading.Event()
        self.seconds: list[float] = []

    def register(self, archive: Path) -> None:
        with archive.open("rb") as body:
            headers = {"Content-Type": "application/vnd.mlserve.bundle", "Content-Length": str(archive.stat().st_size)}
            self._call("POST", f"{MODEL}/versions", headers, body)

    @contextmanager
    def loading(self) -> Iterator[None]:
        self._ending.clear()
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            self.seconds.append(self._move())
            # What has not drained yet is taken back, and not loaded.
            while not self._ending.is_set() and self._state(3 - self._version) == "draining":
                time.sleep(0.05)

    def _state(self, version: int) -> str:
        state: str = self._call("GET", f"{MODEL}/versions/{version}")[0]["state"]
        return state

    def _move(self) -> float:
        """Seconds until the other version answers."""
        url = f"{MODEL}/aliases/champion"
        seen = {"If-None-Match": "*"} if not self._version else {"If-Match": self._call("GET", url)[1]["ETag"]}
        self._version = 2 if self._version == 1 else 1
        body, started = json.dumps({"version": self._version}), time.monotonic()
        self._call("PUT", url, {**seen, "Content-Type": "application/json"}, body)
        while self._call("GET", url)[0]["answers"] != self._version:
            time.sleep(0.05)
        return time.monotonic() - started

    def _call(self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> tuple[Any, Any]:
        connection: HTTPConnection = self._peer.process.connection()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status not in (200, 201):
            raise SystemExit(f"{method} {path} was answered {answer.status}: {text!r}")
        return json.loads(text), answer.headers


def measure(options: argparse.Namespace, folder: Path) -> tuple[list[tuple[Measurement, Measurement]], list[float]]:
    """Each turn's load alone and during loading, and how many seconds each loading took."""
    (work,) = works(["flight"], folder)
    archives = train(folder, options.trees, options.depth)
    peer = Mlserve("mlserve", workers=1)
    peer.start(work.model, [work], folder, twice=False)
    turns: list[tuple[Measurement, Measurement]] = []
    try:
        loader = Loader(peer)
        for archive in archives:
            loader.register(archive)
        peer.load(work, options.connections, 2, 0)
        for turn in range(options.repeats):
            alone = peer.load(work, options.connections, options.seconds, turn)
            with loader.loading():
                turns.append((alone, peer.load(work, options.connections, options.seconds, turn)))
        errors = sum(found.errors for turn in turns for found in turn)
        if errors:
            raise SystemExit(f"{errors} requests failed:\n{peer.process.output()}")
        peer.process.stop()
    except BaseException:
        peer.process.kill()
        raise
    return turns, loader.seconds


def main() -> None:
    options = _options()
    print(f"{require_wrk()}; {machine()}")
    with tempfile.TemporaryDirectory() as name:
        turns, seconds = measure(options, Path(name))
    print(f"{len(seconds)} loadings of {median(seconds):.1f} s ({min(seconds):.1f}-{max(seconds):.1f})")
    print(f"{'':<10}{'alone':>10}{'loading':>10}{'factor':>10}")
    for field in ("p50_ms", "p99_ms", "requests_per_s"):
        pairs = [(getattr(alone, field), getattr(during, field)) for alone, during in turns]
        for one, other in pairs:
            print(f"{field:<16}{one:>10.2f}{other:>10.2f}{other / one:>8.2f}")
        factors = [other / one for one, other in pairs]
        print(f"{field}: factor {median(factors):.2f} ({min(factors):.2f}-{max(factors):.2f})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loading", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--trees", type=int, default=3000)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5, help="turns (%(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="of each load (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
