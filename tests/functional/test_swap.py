"""Versions come and go: whoever is killed meanwhile leaves the registry whole, and what is unloaded leaves nothing."""

import gc
import random
import time
from pathlib import Path

import psutil
import pytest

from mlserve import events, testing
from mlserve.bundles import BundleStore
from mlserve.db.engine import open_database
from mlserve.registry import aliases, service
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.boosters import ROWS, Maker
from tests.functional.commands import begun
from tests.functional.registering import MODEL, bundle, move, register
from tests.functional.servers import PATIENCE, Server

pytestmark = pytest.mark.slow


def test_a_deploy_that_is_killed_leaves_a_consistent_registry(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path, intercept=1.0, x=1.0, y=1.0)})
    ini = tmp_path / "a.ini"
    with Server(ini, settings) as server:
        server.start()
    archives = [bundle(tmp_path, intercept=float(number), x=1.0, y=1.0) for number in range(2, 7)]
    started = time.monotonic()
    deploying = begun("deploy", ini, archives[0], "--name", "line")
    deploying.join(PATIENCE)
    assert deploying.exitcode == 0
    usual = time.monotonic() - started
    for archive in archives[1:]:
        deploying = begun("deploy", ini, archive, "--name", "line")
        deploying.join(usual * random.uniform(0.4, 1.0))
        deploying.kill()
        deploying.join(PATIENCE)
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


@pytest.mark.exhaustive
def test_two_hundred_versions_leave_no_memory_no_threads_and_no_files(tmp_path: Path) -> None:
    maker, process = Maker(tmp_path), psutil.Process()
    settings = testing.settings_of(
        tmp_path,
        plugins="xgboost",
        models={"line": maker.make().archive},
        registry__interval="10ms",
        dashboard__enabled="false",
    )
    with serving(settings) as app:
        for number in range(2, 52):
            cycle(app, maker, number)
        settled(app)
        memory, threads, files = measure(process)
        for number in range(52, 202):
            cycle(app, maker, number)
        settled(app)
        later = measure(process)
    print(f"{memory / 1e6:.1f} MB after 50 cycles, {later[0] / 1e6:.1f} MB after 200")
    assert later[0] <= 1.05 * memory, f"{memory / 1e6:.1f} MB grew to {later[0] / 1e6:.1f} MB"
    assert later[1] <= threads
    assert later[2] <= files + 3  # SQLite may have one more connection open, of three files.


def cycle(app: Served, maker: Maker, number: int) -> None:
    """A version is deployed, proved, and answers; the one before drains and is unloaded."""
    made = maker.make()
    register(app, made.archive)
    move(app, number)
    until(lambda: app.predict("line", ROWS[:1]).json["version"] == number)
    assert app.predict("line", ROWS[:1]).json["outputs"] == [{"value": made.answers[0]}]


def settled(app: Served) -> None:
    """Every version but the champion is closed."""
    model = app.application.live.get("line")
    until(lambda: len(app.application.live.get("line").statuses) == 1)
    assert [status.state for status in app.application.live.get(model.name).statuses.values()] == ["ready"]


def measure(process: psutil.Process) -> tuple[int, int, int]:
    gc.collect()
    return process.memory_info().rss, process.num_threads(), process.num_fds()
