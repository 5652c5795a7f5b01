"""Several processes that answer and one that ships: what dies is replaced, and no answered prediction is lost."""

import json
import os
import signal
import socket
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.factories import linear_model, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.servers import PATIENCE
from tests.functional.workers import Workers, gone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PREDICTIONS = "/api/v1/models/line/predictions"
ASKED = {"instances": [{"x": 1.0, "y": 2.0}]}


def settings_in(folder: Path, **more: str) -> dict[str, str]:
    models = {"line": linear_model(folder, name="line", x=2.0, y=1.0)}
    quick = {"shipper__interval": "5ms", "health__interval": "50ms", "log__way": "process"}
    return settings_of(folder, models=models, **{**quick, **more})


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'var' / 'mlserve.db'}"


def test_they_answer_and_outlive_the_death_of_each(tmp_path: Path) -> None:
    """Under load: a worker, then the process that ships, then the supervisor itself is killed with -9."""
    ledger = Ledger()
    with Workers(tmp_path / "w.ini", settings_in(tmp_path), workers=2) as server:
        with Load(server, ledger, clients=6):
            ledger.wait(lambda known: len(known.answered) >= 100)
            victim, sibling = server.pids("worker")
            os.kill(victim, signal.SIGKILL)
            server.heard("process_died")
            server.heard("process_ready", 4)
            until(lambda: server.is_whole(2), PATIENCE)
            assert sibling in server.pids("worker")
            # Each client has one connection, and ends at the first that breaks.
            assert ledger.broken <= 6
        broken = ledger.broken
        with Load(server, ledger, clients=4, seed=1):
            seen = len(ledger.answered)
            ledger.wait(lambda known: len(known.answered) >= seen + 50)
            os.kill(server.pids("background")[0], signal.SIGKILL)
            server.heard("process_died", 2)
            server.heard("process_ready", 5)
            ledger.wait(lambda known: len(known.answered) >= seen + 200)
        assert ledger.broken == broken, "a death of the process that ships breaks no connection"
        assert ledger.refused == []
        pids = [*server.pids("worker"), *server.pids("background")]
        server.process.kill()
        until(lambda: all(map(gone, pids)), PATIENCE)
    with Workers(tmp_path / "w.ini", settings_in(tmp_path), workers=1) as server:
        assert server.call("POST", PREDICTIONS, ASKED).status == 200
        assert server.stop() == 0
    assert 0 <= ledger.check(url_of(tmp_path), tmp_path / "var" / "spool") <= ledger.broken + 1


def test_a_reload_is_seen_by_nobody_and_reads_the_ini_anew(tmp_path: Path) -> None:
    ledger, settings = Ledger(), settings_in(tmp_path)
    with Workers(tmp_path / "w.ini", settings, workers=2) as server:
        before = {*server.pids("worker"), *server.pids("background")}
        other = linear_model(tmp_path, name="other", x=1.0, y=1.0)
        server.write({**settings, "mlserve.models.other": str(other)}, workers=3)
        with Load(server, ledger, clients=4):
            ledger.wait(lambda known: len(known.answered) >= 50)
            server.process.send_signal(signal.SIGHUP)
            server.heard("reloaded")
            until(lambda: all(map(gone, before)), PATIENCE)
            seen = len(ledger.answered)
            ledger.wait(lambda known: len(known.answered) >= seen + 50)
        assert (ledger.broken, ledger.refused) == (0, [])
        assert len(server.pids("worker")) == 3
        assert server.call("POST", PREDICTIONS.replace("line", "other"), ASKED).status == 200

        server.write({**settings, "mlserve.limits.body": "much"}, workers=2)
        serving = {*server.pids("worker"), *server.pids("background")}
        server.process.send_signal(signal.SIGHUP)
        server.heard("reload_failed")
        assert any("mlserve cannot start: mlserve.limits.body" in line for line in server.lines)
        assert serving == {*server.pids("worker"), *server.pids("background")}
        server.write(settings, workers="many")
        server.process.send_signal(signal.SIGHUP)
        assert "workers of [server:workers] is 'many'" in server.heard("reload_refused")["reason"]
        assert server.call("POST", PREDICTIONS, ASKED).status == 200
        assert server.stop() == 0
    assert ledger.check(url_of(tmp_path), tmp_path / "var" / "spool") <= 2


def test_a_request_that_runs_is_answered_before_the_end(tmp_path: Path) -> None:
    """And what it left in the spool is in the database when the last process is gone."""
    ledger = Ledger()
    with Workers(tmp_path / "w.ini", settings_in(tmp_path), workers=2) as server:
        with Load(server, ledger, clients=4):
            ledger.wait(lambda known: len(known.answered) >= 100)
            assert server.stop() == 0
        assert ledger.refused == []
        assert server.events("process_killed") == []
    assert ledger.check(url_of(tmp_path), tmp_path / "var" / "spool") <= ledger.broken


@pytest.mark.parametrize(
    ("settings", "keys", "says"),
    [
        ({"mlserve.limits.body": "much"}, {}, "mlserve cannot start: mlserve.limits.body"),
        ({}, {"workers": "0.5"}, "mlserve cannot start: workers of [server:workers] is '0.5': write a whole number"),
        ({}, {"threds": "1"}, "mlserve cannot start: [server:workers] has the key threds"),
        ({}, {"host": "192.0.2.1"}, "mlserve cannot start: it cannot listen on 192.0.2.1:0"),
    ],
)
def test_a_mistake_in_the_ini_stops_the_start_with_a_sentence(
    settings: dict[str, str], keys: dict[str, str], says: str, tmp_path: Path
) -> None:
    keys = {"workers": "1", **keys}
    with Workers(tmp_path / "w.ini", settings_in(tmp_path) | settings, **keys) as server:
        assert server.ended() == 1
        assert any(line.startswith(says) for line in server.lines), server.lines
        assert not any("Traceback" in line for line in server.lines)


def test_health_tells_dead_processes_from_live_ones(tmp_path: Path) -> None:
    with Workers(tmp_path / "w.ini", settings_in(tmp_path), workers=2) as server:
        whole = {"workers": 2, "running": 2, "background": True}
        until(lambda: whole.items() <= server.checks()["processes"].items(), PATIENCE)
        os.kill(server.pids("background")[0], signal.SIGSTOP)
        os.kill(server.pids("background")[0], signal.SIGKILL)
        until(lambda: server.checks()["processes"]["state"] == "degraded", PATIENCE)
        until(lambda: server.checks()["processes"]["state"] == "ok", PATIENCE)
        assert server.stop() == 0


def test_slow_bodies_take_no_worker(tmp_path: Path) -> None:
    """Twice as many clients as a worker has threads send a body a byte at a time, and others are answered."""
    with Workers(tmp_path / "w.ini", settings_in(tmp_path), workers=1, waiting=8, request_timeout=3) as server:
        slow = [socket.create_connection(server.address) for _ in range(40)]
        head = f"POST {PREDICTIONS} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        for one in slow:
            one.sendall(head.encode() + b"{")
        started = time.monotonic()
        for _ in range(5):
            assert server.call("POST", PREDICTIONS, ASKED).status == 200
        assert time.monotonic() - started < PATIENCE
        server.heard("connections_closed")
        for one in slow:
            one.close()
        assert server.stop() == 0


def test_a_body_without_a_length_has_the_same_limit(tmp_path: Path) -> None:
    with Workers(tmp_path / "w.ini", settings_in(tmp_path, limits__body="10KiB"), workers=1) as server:
        connection = HTTPConnection(*server.address, timeout=PATIENCE)
        chunks = [b'{"instances": ['] + [b" " * 1000] * 40
        connection.request("POST", PREDICTIONS, iter(chunks), {"Content-Type": "application/json"}, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_large")
        connection.close()
        assert server.stop() == 0
