"""Two server processes on one host, sharing the var folder and the database: either knows what the other answered."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mlserve.db import migrate
from tests.conftest import new_postgres_database
from tests.factories import linear_model, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.servers import PATIENCE, Server

pytestmark = pytest.mark.slow

MODEL = "/api/v1/models/line"
# The shipper is so quick, and its segments so small, that readers meet records on every stretch of their way.
SPOOL = {"spool__segment_size": "4KiB", "spool__keep": "0s", "shipper__interval": "2ms", "health__interval": "20ms"}


@pytest.fixture(
    params=[
        "sqlite-process",
        *(pytest.param(one, marks=pytest.mark.exhaustive) for one in ("sqlite-sql", "postgresql-process")),
    ]
)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, Server, str]]:
    """Two servers, begun at the same time on an empty database, and the database's URL."""
    dialect, _, way = request.param.partition("-")
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path / 'var' / 'mlserve.db'}"
    else:
        url = new_postgres_database(request.getfixturevalue("postgres_url"))
        migrate.upgrade(url, ["mlserve_linear:migrations"])
    models = {name: linear_model(tmp_path, name=name, x=number, y=1.0) for number, name in enumerate(["line", "other"])}
    settings = settings_of(tmp_path, models=models, database__url=url, log__way=way, **SPOOL)
    with ExitStack() as stack:
        first, second = (stack.enter_context(Server(tmp_path / f"{name}.ini", settings)) for name in ("a", "b"))
        first.launch()
        second.launch()
        yield first, second, url


def elected(server: Server) -> bool:
    return bool(server.health()["checks"]["shipper"].get("elected"))


def test_two_processes_are_one_server(pair: tuple[Server, Server, str], tmp_path: Path) -> None:
    first, second, url = pair
    assert [server.heard("version_loaded")["version"] for server in pair[:2]] == [1, 1]
    assert first.call("GET", "/api/v1/models").json == second.call("GET", "/api/v1/models").json
    for turn in range(25):
        one, other = random.sample([first, second], 2)
        reads_what_the_other_answered(one, other, turn)
    until(lambda: elected(first) or elected(second))
    assert elected(first) != elected(second)
    chief, deputy = (first, second) if elected(first) else (second, first)
    ledger = Ledger()
    with Load(chief, ledger, clients=2, seed=1), Load(deputy, ledger, clients=2, seed=2):
        ledger.wait(lambda known: len(known.answered) >= 50)
        chief.kill()
        until(lambda: elected(deputy), PATIENCE)
    assert 50 <= ledger.check(url, tmp_path / "var" / "spool") <= 50 + ledger.broken
    assert not ledger.refused


def reads_what_the_other_answered(one: Server, other: Server, turn: int) -> None:
    """GET, PUT and bulk actuals, each the very next request after the answer, and each at the other process."""
    instances = [{"x": turn, "y": 0.5}]
    made = one.call("POST", f"{MODEL}/predictions", {"instances": instances}).json
    path = f"{MODEL}/predictions/{made['id']}"
    found = other.call("GET", path)
    assert (found.status, found.json["inputs"], found.json["outputs"]) == (200, instances, made["outputs"])
    assert one.call("PUT", f"{path}/actuals", {"actuals": {"value": [1.0]}}).json["revision"] == 1
    assert other.call("PUT", f"{path}/actuals", {"actuals": {"value": [2.0]}}).json["revision"] == 2
    assert one.call("GET", path).json["actuals"]["actuals"] == {"value": [2.0]}
    made = one.call("POST", f"{MODEL}/predictions", {"instances": instances}).json
    told = other.call("POST", f"{MODEL}/actuals", {"actuals": [{"id": made["id"], "actuals": {"value": [3.0]}}]})
    assert (told.status, told.json["stored"]) == (200, 1), told.body
