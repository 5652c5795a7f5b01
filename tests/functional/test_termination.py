"""SIGTERM: what is being answered is answered, what was answered is shipped, what is left is there at the restart."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from mlserve.db.engine import open_database
from mlserve.predictions.spool.gauge import SpoolGauge
from tests.factories import linear_model, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.servers import Answer, Client, Server, served

pytestmark = pytest.mark.slow


def answers(address: tuple[str, int]) -> bool:
    """Whether a request that asks for nothing but life is answered soon."""
    client = Client(address, patience=0.5)
    try:
        return client.call("GET", "/health/live").status == 200
    except (OSError, HTTPException):
        return False
    finally:
        client.close()


def predict(address: tuple[str, int], model: str, instances: Any) -> Answer:
    client = Client(address)
    try:
        return client.call("POST", f"/api/v1/models/{model}/predictions", {"instances": instances})
    finally:
        client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_being_answered_is_answered(tmp_path: Path, number: signal.Signals) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    model = tmp_path / "slow.gated"
    model.write_text(json.dumps({"folder": str(gate)}))
    settings = settings_of(tmp_path, models={"slow": model}, log__way="process")
    settings["mlserve.plugins"] = "mlserve_gated"
    with served(tmp_path / "server.ini", settings) as server, ThreadPoolExecutor() as pool:
        address = server.address
        asked = [pool.submit(predict, address, "slow", [{"x": number}]) for number in (1, 2)]
        until(lambda: len(list(gate.glob("entered-*"))) == 2)
        server.terminate(number)
        until(lambda: not answers(address))
        (gate / "open").touch()
        told = [future.result() for future in asked]
        assert server.ended() == 0
    assert [(answer.status, answer.json["outputs"]) for answer in told] == [
        (200, [{"value": 1}]),
        (200, [{"value": 2}]),
    ]
    ledger = Ledger({answer.json["id"]: ([{"x": x}], [{"value": x}]) for x, answer in enumerate(told, start=1)})
    assert ledger.check(f"sqlite:///{tmp_path}/var/mlserve.db", tmp_path / "var" / "spool") == 0


def test_under_load_all_that_was_answered_is_shipped(tmp_path: Path) -> None:
    """The shipper never comes round before the end: it is the drain that brings the records into SQL."""
    models = {"line": linear_model(tmp_path)}
    settings = settings_of(tmp_path, models=models, log__way="process", shipper__interval="1h", shipper__batch="50")
    ledger = Ledger()
    with served(tmp_path / "server.ini", settings) as server, Load(server, ledger, clients=6):
        ledger.wait(lambda known: len(known.answered) >= 300)
        server.terminate()
        assert server.ended() == 0
        assert not [line for line in server.lines if '"level":"error"' in line or "Traceback" in line]
    assert not ledger.refused
    url, spool = f"sqlite:///{tmp_path}/var/mlserve.db", tmp_path / "var" / "spool"
    assert not backlog(url, spool)
    # Nothing was kept whose answer did not leave, although the clients went on asking.
    assert ledger.check(url, spool) == 0


def test_what_cannot_be_shipped_in_time_is_told_and_shipped_later(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        models={"line": linear_model(tmp_path)},
        log__way="process",
        shipper__interval="1h",
        spool__shutdown_grace="300ms",
        database__timeout="100ms",
    )
    url, spool = f"sqlite:///{tmp_path}/var/mlserve.db", tmp_path / "var" / "spool"
    ledger = Ledger()
    with Server(tmp_path / "server.ini", settings) as server:
        with Load(server.start(), ledger):
            ledger.wait(lambda known: len(known.answered) >= 50)
        other = open_database(url)
        with other.write():  # Somebody else holds the database.
            server.terminate()
            assert server.ended() == 0
        other.close()
        assert server.heard("spool_left")["backlog_records"] == backlog(url, spool) == len(ledger.answered)
        server.start().terminate()
        server.ended()
    assert not backlog(url, spool)
    assert ledger.check(url, spool) == 0


def backlog(url: str, spool: Path) -> int:
    """How many records are in no database yet."""
    database = open_database(url)
    try:
        return SpoolGauge(spool, database).read().backlog_records
    finally:
        database.close()
