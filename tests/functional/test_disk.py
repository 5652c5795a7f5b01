"""A disk that is full, a spool that cannot be written: nothing is claimed, health tells, and it mends by itself."""

import resource
from pathlib import Path

import pytest

from mlserve.predictions.spool import reader
from tests.factories import linear_model, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.servers import Answer, Server, served

pytestmark = pytest.mark.slow

PREDICTIONS = "/api/v1/models/line/predictions"
BODY = {"instances": [{"x": 1, "y": 1}]}


def settings(folder: Path, **more: str) -> dict[str, str]:
    return settings_of(folder, models={"line": linear_model(folder)}, health__interval="20ms", **more)


def limit_files(server: Server, size: int) -> None:
    """From now on the server can write no file beyond this size, as if the disk were full there."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def is_refusal(answer: Answer, code: str) -> bool:
    return (answer.status, answer.json["code"]) == (503, code) and int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("way", "code"), [("process", "log_unavailable"), ("sql", "database_unavailable")])
def test_a_full_disk_refuses_and_claims_nothing(tmp_path: Path, way: str, code: str) -> None:
    ledger = Ledger()
    with served(tmp_path / "server.ini", settings(tmp_path, log__way=way)) as server:
        with Load(server, ledger):
            ledger.wait(lambda known: len(known.answered) >= 50)
            limit_files(server, 0)
            ledger.wait(lambda known: len(known.refused) >= 100)
            limit_files(server, resource.RLIM_INFINITY)
            enough = len(ledger.answered) + 100
            ledger.wait(lambda known: len(known.answered) >= enough)
        assert all(is_refusal(answer, code) for answer in ledger.refused)
        others = ledger.check(f"sqlite:///{tmp_path}/var/mlserve.db", tmp_path / "var" / "spool")
    assert not others
    assert not ledger.broken


def test_a_record_that_fits_only_in_part_is_cut_back_and_written_elsewhere(tmp_path: Path) -> None:
    spool = tmp_path / "var" / "spool"
    with served(tmp_path / "server.ini", settings(tmp_path, log__way="process", shipper__enabled="false")) as server:
        first = server.call("POST", PREDICTIONS, BODY)
        (segment,) = reader.segments(spool)
        size = segment.size()
        limit_files(server, size + 30)
        second = server.call("POST", PREDICTIONS, BODY)
        assert [first.status, second.status] == [200, 200]
        assert segment.size() == size
        assert len(reader.segments(spool)) == 2
        for answer in first, second:
            assert server.call("GET", f"{PREDICTIONS}/{answer.json['id']}").status == 200


@pytest.mark.parametrize("unwritable", ["refuse", "answer"])
def test_a_spool_that_cannot_be_written(tmp_path: Path, unwritable: str) -> None:
    spool = tmp_path / "var" / "spool"
    spool.parent.mkdir()
    spool.touch()
    with served(tmp_path / "server.ini", settings(tmp_path, log__way="process", log__unwritable=unwritable)) as server:
        answers = [server.call("POST", PREDICTIONS, BODY) for _ in range(3)]
        if unwritable == "refuse":
            assert all(is_refusal(answer, "log_unavailable") for answer in answers)
            until(lambda: server.health()["checks"]["log"]["state"] == "failed")
            assert server.call("GET", "/health/ready").status == 503
        else:
            assert [answer.status for answer in answers] == [200] * 3
            assert server.call("GET", f"{PREDICTIONS}/{answers[0].json['id']}").status == 404
            until(lambda: server.health()["checks"]["log"]["state"] == "degraded")
            ready = server.call("GET", "/health/ready")
            assert (ready.status, ready.json["counters"]["log_drops"]) == (200, 3)
        spool.unlink()
        until(lambda: server.health()["status"] == "ok")
        kept = server.call("POST", PREDICTIONS, BODY)
        assert kept.status == 200
        assert server.call("GET", f"{PREDICTIONS}/{kept.json['id']}").status == 200
        assert server.health()["counters"].get("log_drops", 0) == (3 if unwritable == "answer" else 0)
