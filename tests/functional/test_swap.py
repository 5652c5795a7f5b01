"""Versions come and go under load: no request fails, each answer is of the version that it names, nothing is left."""

import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from mlserve.bundles import BundleStore
from mlserve.db import migrate
from mlserve.db.engine import open_database
from mlserve.registry import aliases, events, service
from tests.conftest import new_postgres_database
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.registering import BUNDLE, MODEL, bundle, move, register
from tests.functional.servers import PACKAGES, PATIENCE, Client, Server

pytestmark = pytest.mark.slow

# An answer tells its version: the intercept is a thousand times its number.
STEP = 1000.0


def numbered(folder: Path, number: int) -> Path:
    return bundle(folder, intercept=number * STEP, x=1.0, y=1.0)


def settings_for(folder: Path, **settings: str) -> dict[str, str]:
    first = linear_model(folder, intercept=STEP, x=1.0, y=1.0)
    return settings_of(folder, models={"line": first}, **{"registry__interval": "100ms", **settings})


@dataclass
class Seen:
    """What a client was told, with the time at which it asked."""

    asked_at: float
    version: int
    value: float


@dataclass
class Asking:
    """Clients that ask without a pause until the block ends."""

    address: tuple[str, int]
    clients: int = 4
    answers: list[Seen] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)

    def __enter__(self) -> "Asking":
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(place,)) for place in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, place: int) -> None:
        client = Client(self.address)
        path = f"{MODEL}/aliases/champion/predictions" if place % 2 else f"{MODEL}/predictions"
        while not self._ending.is_set():
            asked_at = time.monotonic()
            answer = client.call("POST", path, {"instances": [{"x": place, "y": 0.5}]})
            if answer.status != 200:
                self.refused.append(answer)
                continue
            made = answer.json
            self.answers.append(Seen(asked_at, made["version"], made["outputs"][0]["value"] - place - 0.5))
        client.close()


class Operator:
    """Deploys, promotes, rolls back and retires over HTTP, and waits until the server answers by it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def deploy(self, number: int) -> None:
        connection = HTTPConnection(*self.server.address, timeout=PATIENCE)
        body = numbered(self.folder, number).read_bytes()
        connection.request("POST", f"{MODEL}/versions", body, {"Content-Type": BUNDLE})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["number"]) == (201, number)
        connection.close()

    def move(self, expected: int, **body: Any) -> float:
        """Seconds until the server that was asked answers by it."""
        url = f"{MODEL}/aliases/champion"
        etag = self.server.call("GET", url).headers["Etag"]  # As waitress writes it.
        started = time.monotonic()
        moved = self.server.call("PUT", url, body, {"If-Match": etag})
        assert (moved.status, moved.json["version"]) == (200, expected), moved.body
        until(lambda: self.server.call("GET", url).json["answers"] == expected)
        return time.monotonic() - started

    def retire(self, number: int) -> float:
        """When the version had drained."""
        url = f"{MODEL}/versions/{number}"
        answer = self.server.call("POST", f"{url}/retirement", {})
        assert answer.status == 200, answer.body
        until(lambda: self.server.call("GET", url).json["state"] == "retired")
        return time.monotonic()


@pytest.mark.parametrize("way", ["process", "sql"])
def test_under_load_no_request_fails_and_each_answer_is_of_the_version_that_it_names(tmp_path: Path, way: str) -> None:
    drained: dict[int, float] = {}
    took: list[float] = []
    cycles = 6
    with Server(tmp_path / "a.ini", settings_for(tmp_path, log__way=way)) as server:
        operator = Operator(server.start(), tmp_path)
        with Asking(server.address) as asking:
            for number in range(2, cycles + 2):
                operator.deploy(number)
                took.append(operator.move(number, version=number))
                took.append(operator.move(number - 1, back=True))
                took.append(operator.move(number, version=number))
                drained[number - 1] = operator.retire(number - 1)
        server.terminate(signal.SIGTERM)
        assert server.ended() == 0
    assert asking.refused == []
    assert max(took) < 2.0
    assert {seen.version for seen in asking.answers} == set(range(1, cycles + 2))
    assert all(seen.value == seen.version * STEP for seen in asking.answers)
    late = [seen for seen in asking.answers if seen.asked_at > drained.get(seen.version, seen.asked_at)]
    assert late == []
    database = open_database(f"sqlite:///{tmp_path / 'var' / 'mlserve.db'}")
    with database.read() as connection:
        rows = connection.execute(text("SELECT version, inputs, outputs FROM predictions")).all()
    database.close()
    assert len(rows) == len(asking.answers)
    for version, inputs, outputs in rows:
        assert json.loads(outputs)[0]["value"] == version * STEP + json.loads(inputs)[0]["x"] + 0.5


def test_two_processes_with_one_postgresql_converge(tmp_path: Path, postgres_url: str) -> None:
    url = new_postgres_database(postgres_url)
    migrate.upgrade(url, ["mlserve_linear:migrations"])
    settings = settings_for(tmp_path, database__url=url, log__way="process")
    with Server(tmp_path / "a.ini", settings) as first, Server(tmp_path / "b.ini", settings) as second:
        first.launch()
        operator = Operator(second.start(), tmp_path)
        with Asking(first.address, 2) as one, Asking(second.address, 2) as other:
            for number in (2, 3, 4):
                operator.deploy(number)
                operator.move(number, version=number)
                until(lambda n=number: first.call("GET", f"{MODEL}/aliases/champion").json["answers"] == n, 2.0)
                assert first.call("POST", f"{MODEL}/predictions", {"instances": [[1, 1]]}).json["version"] == number
        assert one.refused == other.refused == []
        assert all(seen.value == seen.version * STEP for seen in one.answers + other.answers)
        assert first.call("GET", f"{MODEL}/versions").json == second.call("GET", f"{MODEL}/versions").json


def test_a_deploy_that_is_killed_leaves_a_consistent_registry(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ini = tmp_path / "a.ini"
    with Server(ini, settings) as server:
        server.start()
    environ = {**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONWARNINGS": "ignore:pkg_resources is deprecated"}
    command = [str(Path(sys.executable).with_name("mlserve")), "deploy", str(ini)]
    archives = [numbered(tmp_path, number) for number in range(2, 12)]
    started = time.monotonic()
    subprocess.run([*command, str(archives[0]), "--name", "line"], env=environ, check=True, stdout=subprocess.DEVNULL)
    usual = time.monotonic() - started
    for archive in archives[1:]:
        deploying = subprocess.Popen([*command, str(archive), "--name", "line"], env=environ, stdout=subprocess.DEVNULL)
        try:
            deploying.wait(usual * random.uniform(0.5, 1.0))
        except subprocess.TimeoutExpired:
            deploying.kill()
            deploying.wait()
        consistent(tmp_path)
    with Server(ini, settings) as server:
        server.start()
        champion = server.call("GET", f"{MODEL}/aliases/champion").json
        assert champion["answers"] == champion["version"]


def consistent(folder: Path) -> None:
    """Each version has its bundle and its event, and each alias is where its last event says."""
    database = open_database(f"sqlite:///{folder / 'var' / 'mlserve.db'}")
    with database.read() as connection:
        told = events.page(connection, limit=1000)
        rows = service.versions(connection, "line")
        (champion,) = aliases.of_model(connection, "line")
    database.close()
    assert sorted(one.version or 0 for one in told if one.kind == "version_registered") == [
        row["number"] for row in rows
    ]
    moves = [one for one in told if one.kind == "alias_moved"]
    assert champion.revision == len(moves)
    assert (moves[0].after["version"], moves[0].after["revision"]) == (champion.version, champion.revision)
    assert champion.version == rows[-1]["number"]  # Registered and named in one step.
    store = BundleStore(folder / "var" / "bundles")
    for row in rows:
        assert store.open(row["digest"]).digest == row["digest"]


def test_two_hundred_versions_leave_no_memory_no_threads_and_no_files(tmp_path: Path) -> None:
    process = psutil.Process()
    with serving(settings_for(tmp_path, registry__interval="10ms", dashboard__enabled="false")) as app:
        for number in range(2, 52):
            cycle(app, tmp_path, number)
        settled(app)
        memory, threads, files = measure(process)
        for number in range(52, 202):
            cycle(app, tmp_path, number)
        settled(app)
        later = measure(process)
    assert later[0] <= 1.05 * memory, f"{memory / 1e6:.1f} MB grew to {later[0] / 1e6:.1f} MB"
    assert later[1] <= threads
    assert later[2] <= files + 3  # SQLite may have one more connection open, of three files.


def cycle(app: Served, folder: Path, number: int) -> None:
    register(app, numbered(folder, number))
    move(app, number)
    until(lambda: app.predict("line", [[1, 1]]).json["version"] == number)


def settled(app: Served) -> None:
    """Every version but the champion is closed."""
    model = app.application.live.get("line")
    until(lambda: len(app.application.live.get("line").statuses) == 1)
    assert [status.state for status in app.application.live.get(model.name).statuses.values()] == ["ready"]


def measure(process: psutil.Process) -> tuple[int, int, int]:
    gc.collect()
    return process.memory_info().rss, process.num_threads(), process.num_fds()
