"""Killed with -9 under load at random moments, again and again, a server loses no prediction that it answered."""

import os
import random
from pathlib import Path

import pytest

from mlserve.db import migrate
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.frame import frame
from tests.factories import linear_model, settings_of
from tests.functional.loads import Ledger, Load
from tests.functional.servers import Server

pytestmark = pytest.mark.slow

# Small segments that go as soon as they are shipped: every round also kills at their edges.
SPOOL = {"spool__segment_size": "64KiB", "spool__keep": "0s", "shipper__interval": "20ms", "shipper__batch": "50"}


def settings(folder: Path, url: str, way: str) -> dict[str, str]:
    models = {"line": linear_model(folder)}
    return settings_of(folder, models=models, database__url=url, log__way=way, **SPOOL)


@pytest.mark.parametrize(
    ("database_url", "way", "rounds"),
    [("sqlite", "sql", 3), ("sqlite", "process", 4), ("postgresql", "process", 2)],
    indirect=["database_url"],
)
def test_every_answered_prediction_is_in_sql_once(tmp_path: Path, database_url: str, way: str, rounds: int) -> None:
    migrate.upgrade(database_url, ["mlserve_linear:migrations"])
    seed = int.from_bytes(os.urandom(4))
    print("seed:", seed)
    chance, ledger = random.Random(seed), Ledger()
    with Server(tmp_path / "server.ini", settings(tmp_path, database_url, way)) as server:
        for turn in range(rounds):
            enough = len(ledger.answered) + chance.randrange(300)
            with Load(server.start(), ledger, seed=seed + turn):
                ledger.wait(lambda known: len(known.answered) >= enough)  # noqa: B023
                server.kill()
        server.start()
        # A prediction that was kept and whose answer never arrived is allowed.
        assert ledger.check(database_url, tmp_path / "var" / "spool") <= ledger.broken
    assert not ledger.refused


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_torn_last_record_is_recognised_at_restart(tmp_path: Path, database_url: str) -> None:
    ledger, spool = Ledger(), tmp_path / "var" / "spool"
    with Server(tmp_path / "server.ini", settings(tmp_path, database_url, "process")) as server:
        with Load(server.start(), ledger):
            ledger.wait(lambda known: len(known.answered) >= 20)
            server.kill()
        last = reader.segments(spool)[-1].path
        with last.open("ab") as file:
            file.write(frame(b'{"v":1,"id":"018f0000-0000-7000-8000-000000000000"}')[:-7])
        size = last.stat().st_size
        server.start()
        told = server.heard("spool_torn_record")
        assert (told["segment"], told["position"] + told["bytes"]) == (last.stem, size)
        assert ledger.check(database_url, spool) <= ledger.broken
        assert not list(spool.glob("set-aside/*"))
        for identity in ledger.answered:
            assert server.call("GET", f"/api/v1/models/line/predictions/{identity}").status == 200
