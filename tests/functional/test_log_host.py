"""Way `host`: an answer leaves when the disk has its record, whatever is killed, and never when the disk fails."""

import errno
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.servers import Server

SPOOL = {"spool__segment_size": "64KiB", "spool__keep": "0s", "shipper__interval": "20ms", "shipper__batch": "50"}


def settings(folder: Path, **more: str) -> dict[str, str]:
    return settings_of(folder, models={"line": linear_model(folder)}, log__way="host", **more)


@pytest.fixture
def app(tmp_path: Path):
    with serving(settings(tmp_path, health__interval="20ms", shipper__enabled="false")) as served:
        yield served


def synced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Grows by what a segment held when a sync of it began, each time that one has ended."""
    found: list[bytes] = []
    sync = os.fdatasync

    def recorded(descriptor: int) -> None:
        with Path(f"/proc/self/fd/{descriptor}").open("rb") as file:
            held = file.read()
        sync(descriptor)
        found.append(held)

    monkeypatch.setattr(os, "fdatasync", recorded)
    return found


def test_no_answer_leaves_before_a_sync_that_began_with_its_record(
    app: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = synced(tmp_path, monkeypatch)
    early: list[str] = []

    def ask() -> None:
        for number in range(10):
            identity = app.predict("line", [[number, 1.0]]).json["id"]
            if not any(identity.encode() in held for held in [*found]):
                early.append(identity)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not early
    assert found[-1].count(b'"id":') == 40
    assert checks(app)["log"]["way"] == "host"


def checks(app: Served) -> dict[str, Any]:
    found: dict[str, Any] = app.get("/health/ready", status="*").json["checks"]
    return found


def test_a_disk_that_fails_to_sync_refuses_keeps_nothing_and_is_well_again(
    app: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = app.predict("line", [[1.0, 1.0]]).json["id"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        for _ in range(3):
            refused = app.predict("line", [[2.0, 1.0]], status=503)
            assert refused.json["code"] == "log_unavailable"
        until(lambda: checks(app)["log"]["state"] == "failed")
    until(lambda: checks(app)["log"]["state"] == "ok")
    after = app.predict("line", [[3.0, 1.0]]).json["id"]
    spool = b"".join(path.read_bytes() for path in sorted((tmp_path / "var" / "spool").glob("*.open")))
    assert spool.count(b'"id":') == 2
    for identity in (before, after):
        assert app.get(f"/api/v1/models/line/predictions/{identity}").json["id"] == identity


def test_what_sql_keeps_is_on_the_disk_too(app: Served) -> None:
    with app.application.database.write() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_killed_under_load_it_loses_nothing_that_it_answered(tmp_path: Path, database_url: str) -> None:
    seed = int.from_bytes(os.urandom(4))
    print("seed:", seed)
    ledger, chance = Ledger(), random.Random(seed)
    with Server(tmp_path / "server.ini", settings(tmp_path, database__url=database_url, **SPOOL)) as server:
        with Load(server.start(), ledger, seed=seed):
            enough = 50 + chance.randrange(200)
            ledger.wait(lambda known: len(known.answered) >= enough)
            server.kill()
        server.start()
        assert ledger.check(database_url, tmp_path / "var" / "spool") <= ledger.broken
    assert not ledger.refused
