"""Several processes that answer and one that ships: what dies is replaced, and no answered prediction is lost.

One server for all tests, since a start takes seconds: each is brought to it as its test names it. At its end the ledger
of all that its clients were told is held against the database.
"""

import json
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.factories import linear_model, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.servers import PATIENCE, Answer
from tests.functional.workers import Workers, gone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PREDICTIONS = "/api/v1/models/line/predictions"
GATED = "/api/v1/models/gated/predictions"
ASKED = {"instances": [{"x": 1.0, "y": 2.0}]}
LARGE = {"instances": [{"x": 1.0, "y": 2.0}] * 4000}
KEYS = {"workers": 2, "slow_workers": 1, "slow_from": "64KiB", "patience": 1}
KEYS |= {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": "x-forwarded-host x-forwarded-proto"}
# One worker, no lane, and little time for each request.
HASTY = {**KEYS, "workers": 1, "slow_workers": 0, "request_timeout": 2}
KINDS = ("worker", "slow", "background")
# Between the requests of a client whose load is to last, not to be heavy.
PAUSE = 0.05


class Site:
    """The server, its folder and settings, and what its clients know."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger()
        (folder / "gate.gated").write_text(json.dumps({"folder": str(folder)}))
        models = {"line": linear_model(folder, name="line", x=2.0, y=1.0), "gated": folder / "gate.gated"}
        quick = {"shipper__interval": "50ms", "health__interval": "250ms", "metrics__interval": "250ms"}
        self.settings = settings_of(folder, models=models, limits__body="1MiB", log__way="process", **quick)
        self.settings["mlserve.plugins"] = "mlserve_linear mlserve_gated oip"
        self.keys: dict[str, Any] = {}
        self._server: Workers | None = None
        self.open()

    def serving(self, keys: dict[str, Any]) -> Workers:
        """The server with these keys: it is started where none runs, and reloads where its keys are others."""
        if self._server is None or self._server.process.poll() is not None:
            variables = {"HTTP_X_REQUEST_ID": "nobody-sent-this"}
            self._server = Workers(self.folder / "w.ini", self.settings, variables=variables, **keys)
            self._server.heard("serving")
        elif self.keys != keys:
            reloaded = len(self._server.events("reloaded"))
            self._server.write(self.settings, **keys)
            self._server.process.send_signal(signal.SIGHUP)
            self._server.heard("reloaded", reloaded + 1)
            processes = keys["workers"] + keys["slow_workers"] + 1
            until(lambda: sum(map(len, map(self._server.pids, KINDS))) == processes, PATIENCE)
        self.keys = keys
        return self._server

    def close(self) -> None:
        if self._server is not None:
            with self._server:
                pass

    def open(self) -> None:
        (self.folder / "open").touch()

    def shut(self) -> None:
        (self.folder / "open").unlink(missing_ok=True)
        for path in self.folder.glob("entered-*"):
            path.unlink()

    @property
    def entered(self) -> int:
        """How many predictions are at the shut gate."""
        return len([*self.folder.glob("entered-*")])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("workers"))
    yield found
    found.close()


@pytest.fixture(autouse=True)
def open_gate(site: Site) -> Iterator[None]:
    """A test that fails in the middle leaves it open for the next."""
    yield
    site.open()


@pytest.fixture
def server(site: Site) -> Workers:
    return site.serving(KEYS)


@pytest.fixture
def hasty(site: Site) -> Workers:
    return site.serving(HASTY)


class Asking:
    """One request in a thread of its own; `answer` is None while it has none, and where its connection broke."""

    def __init__(self, server: Workers, path: str, body: Any) -> None:
        self.answer: Answer | None = None
        self._server = server
        self._thread = threading.Thread(target=self._ask, args=(path, body), daemon=True)
        self._thread.start()

    def wait(self) -> Answer | None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.answer

    def _ask(self, path: str, body: Any) -> None:
        with suppress(OSError, HTTPException):
            self.answer = self._server.call("POST", path, body)


def say(server: Workers, sent: bytes) -> bytes:
    """Send bytes, and read until the server closes the connection."""
    with socket.create_connection(server.address, timeout=PATIENCE) as connection:
        connection.sendall(sent)
        heard = b""
        while piece := connection.recv(65536):
            heard += piece
    return heard


def head(path: str, *lines: str, version: str = "1.1") -> bytes:
    return "\r\n".join(
        [f"POST {path} HTTP/{version}", "Host: h", "Content-Type: application/json", *lines, "", ""]
    ).encode()


def test_http_of_every_kind_is_answered(server: Workers) -> None:
    body = json.dumps(ASKED).encode()
    length = f"Content-Length: {len(body)}"
    old = say(server, head(PREDICTIONS, length, version="1.0") + body)
    assert old.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))
    # A stream of requests in one piece, the last of which ends it.
    many = (head(PREDICTIONS, length) + body) * 20 + head(PREDICTIONS, length, "Connection: close") + body
    assert say(server, many).count(b"HTTP/1.1 200") == 21
    with suppress(OSError):  # It may be closed while it is being sent.
        assert b" 200 " not in say(server, head(PREDICTIONS, "X-Long: " + "x" * 1_000_000, length))
    # A body without a length has the same limit as others.
    # Not much more than that: who is answered early may find the connection closed while it sends.
    chunks = [b'{"instances": ['] + [b" " * 2**16] * 16
    with closing(HTTPConnection(*server.address, timeout=PATIENCE)) as connection:
        connection.request("POST", PREDICTIONS, iter(chunks), {"Content-Type": "application/json"}, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_large")
    # Nobody waits for a body whose length is too large.
    assert say(server, head(PREDICTIONS, "Content-Length: 9000000", "Expect: 100-continue")).startswith(b"HTTP/1.1 413")
    # A table in chunks that break off is not taken for a whole one.
    table = b"8\r\nx,y\n1,2\n\r\nzz\r\n"
    broken = head(PREDICTIONS, "Transfer-Encoding: chunked").replace(b"application/json", b"text/csv") + table
    assert b"HTTP/1.1 411" in say(server, broken)


def test_processes_are_forked_from_one_that_ends_then(server: Workers) -> None:
    until(lambda: server.pids("preload") == [], PATIENCE)
    for pid in (pid for kind in KINDS for pid in server.pids(kind)):
        assert "mlserve.server.workers.template" in Path(f"/proc/{pid}/cmdline").read_text()
    assert server.events("template_not_used") == []


def test_the_proxy_is_believed_and_the_environment_is_no_header(server: Workers) -> None:
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "models.example.org", "X-Forwarded-For": "nonsense;"}
    answer = server.call("GET", "/api/v1/events.atom", headers=told)
    assert b"https://models.example.org/api/v1/events.atom" in answer.body
    assert "nobody-sent-this" not in str(answer.headers)


def test_what_finds_no_room_is_told_so_in_the_form_that_it_asked_in(server: Workers, site: Site) -> None:
    site.shut()
    waiting: list[Asking] = []
    while site.entered < 2:  # One in each worker; what comes to one that computes already is refused after a second.
        assert len(waiting) < 50
        before, asking = site.entered, Asking(server, GATED, {"instances": [{"x": 1.0}]})
        waiting.append(asking)
        until(lambda before=before, asking=asking: site.entered > before or asking.answer is not None, PATIENCE)
    refused = server.call("POST", PREDICTIONS, ASKED)
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "busy", "1")
    assert refused.headers["content-type"] == "application/problem+json"
    tensors = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.0]}]}
    refused = server.call("POST", "/v2/models/line/infer", tensors)
    assert (refused.status, [*refused.json], refused.headers["retry-after"]) == (503, ["error", "code"], "1")
    assert server.call("GET", "/api/v1/models").status == 200, "what does not compute goes by the side"
    site.open()
    answers = [asking.wait() for asking in waiting]
    assert [answer.status for answer in answers if answer is not None].count(200) >= 2


def test_slow_work_goes_its_own_lane(server: Workers, site: Site) -> None:
    site.shut()
    gated = {"instances": [{"x": 1.0}] * 8000}
    slow = Asking(server, GATED, gated)
    until(lambda: site.entered == 1, PATIENCE)
    for _ in range(10):
        assert server.call("POST", PREDICTIONS, ASKED).status == 200
    waiting = Asking(server, PREDICTIONS, LARGE)
    refused = waiting.wait()
    assert refused is not None
    assert (refused.status, refused.json["code"]) == (503, "busy"), "the lane is full"
    site.open()
    answer = slow.wait()
    assert answer is not None
    assert answer.status == 200
    large = server.call("POST", PREDICTIONS, LARGE)
    assert (large.status, len(large.json["outputs"])) == (200, 4000)
    (worker,) = server.pids("slow")
    until(lambda: kept_by(site, large.json["id"]).endswith(f":{worker}"), PATIENCE)


@pytest.mark.exhaustive
def test_where_a_slow_worker_dies_its_requests_are_told_so(server: Workers, site: Site) -> None:
    site.shut()
    slow = Asking(server, GATED, {"instances": [{"x": 1.0}] * 8000})
    until(lambda: site.entered == 1, PATIENCE)
    (worker,) = server.pids("slow")
    os.kill(worker, signal.SIGKILL)
    answer = slow.wait()
    assert answer is not None
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "1")
    assert "may have kept the prediction; send an Idempotency-Key" in answer.json["detail"]
    until(lambda: server.checks()["processes"].items() >= {"state": "degraded", "slow_running": 0}.items(), PATIENCE)
    site.open()
    until(lambda: server.checks()["processes"]["state"] == "ok", PATIENCE)
    assert server.call("POST", PREDICTIONS, LARGE).status == 200


def kept_by(site: Site, identity: str) -> str:
    """Host and process of the worker whose record is in the database; empty where it is not there yet."""
    with closing(sqlite3.connect(site.folder / "var" / "mlserve.db")) as database:
        row = database.execute("SELECT worker FROM predictions WHERE id = ?", [identity]).fetchone()
    return "" if row is None else str(row[0])


def answering(site: Site) -> set[int]:
    """The processes whose records are in the database."""
    with closing(sqlite3.connect(site.folder / "var" / "mlserve.db")) as database:
        return {int(row[0].rpartition(":")[2]) for row in database.execute("SELECT DISTINCT worker FROM predictions")}


def test_a_long_download_holds_nobody_up(server: Workers, site: Site) -> None:
    large = server.call("POST", PREDICTIONS, LARGE).json["id"]
    until(lambda: kept_by(site, large), PATIENCE)
    connection = HTTPConnection(*server.address, timeout=PATIENCE)
    connection.request("GET", PREDICTIONS, headers={"Accept": "text/csv"})
    download = connection.getresponse()
    first = download.read(1)
    for _ in range(5):
        assert server.call("POST", PREDICTIONS, ASKED).status == 200
    assert (first + download.read()).count(b"\n") > 4000
    connection.close()


def counted(server: Workers) -> float:
    lines = server.call("GET", "/metrics").body.decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("mlserve_prediction_duration_seconds_count{")
    )


def test_what_dies_is_replaced_and_only_its_connections_fail(server: Workers, site: Site) -> None:
    ledger = site.ledger
    ready = len(server.events("process_ready"))
    with Load(server, ledger, clients=6, pause=PAUSE), Strangers(server) as strangers:
        ledger.wait(lambda known: len(known.answered) >= 100)
        until(lambda: counted(server) >= 100, PATIENCE)
        before = counted(server)
        victim, sibling = server.pids("worker")
        # Of so many connections each has some; that one has none comes about once in 2 ** 29 runs.
        until(lambda: len(strangers.statuses) >= 30, PATIENCE)
        until(lambda: {victim, sibling} <= answering(site), PATIENCE)
        os.kill(victim, signal.SIGKILL)
        server.heard("process_ready", ready + 1)
        until(lambda: server.is_whole(2), PATIENCE)
        assert sibling in server.pids("worker")
        assert counted(server) >= before
    # Each client has one connection, and ends at the first that breaks.
    assert ledger.broken <= 6
    assert {*strangers.statuses} == {200}
    assert strangers.broken <= 1, "the one that the worker had when it died"
    broken = ledger.broken
    with Load(server, ledger, clients=4, seed=1, pause=PAUSE):
        seen = len(ledger.answered)
        os.kill(server.pids("background")[0], signal.SIGKILL)
        server.heard("process_ready", ready + 2)
        ledger.wait(lambda known: len(known.answered) >= seen + 100)
    assert ledger.broken == broken, "a death of the process that ships breaks no connection"
    assert ledger.refused == []


@pytest.mark.exhaustive
def test_health_tells_a_shipper_that_hangs_from_one_that_is_well(server: Workers) -> None:
    whole = {"state": "ok", "workers": 2, "running": 2, "background": True, "behind_seconds": 0}
    until(lambda: whole.items() <= server.checks()["processes"].items(), PATIENCE)
    (shipper,) = server.pids("background")
    os.kill(shipper, signal.SIGSTOP)
    until(lambda: _told_behind(server.checks()["processes"]), PATIENCE)
    os.kill(shipper, signal.SIGCONT)
    until(lambda: server.checks()["processes"]["state"] == "ok", PATIENCE)


def _told_behind(processes: dict[str, Any]) -> bool:
    """By one answer: each worker looks at the others in its own time."""
    return processes["state"] == "degraded" and processes["behind_seconds"] >= 10


class Strangers:
    """Clients that make a connection for each request, and say so."""

    def __init__(self, server: Workers) -> None:
        self.statuses: list[int] = []
        self.broken = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(server.address,), daemon=True)

    def __enter__(self) -> "Strangers":
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self, address: tuple[str, int]) -> None:
        while not self._stopping.wait(PAUSE):
            connection = HTTPConnection(*address, timeout=PATIENCE)
            headers = {"Content-Type": "application/json", "Connection": "close"}
            try:
                connection.request("POST", PREDICTIONS, json.dumps(ASKED), headers)
                answer = connection.getresponse()
                answer.read()
                self.statuses.append(answer.status)
            except (OSError, HTTPException):
                self.broken += 1
            finally:
                connection.close()


def test_a_reload_is_seen_by_nobody_and_reads_the_ini_anew(server: Workers, site: Site) -> None:
    ledger = site.ledger
    broken = ledger.broken
    before = {pid for kind in KINDS for pid in server.pids(kind)}
    site.settings["mlserve.models.other"] = str(linear_model(site.folder, name="other", x=1.0, y=1.0))
    server.write(site.settings, **HASTY)
    site.keys = HASTY
    reloaded = len(server.events("reloaded"))
    with Load(server, ledger, clients=3, pause=PAUSE), Strangers(server) as strangers:
        seen = len(ledger.answered)
        ledger.wait(lambda known: len(known.answered) >= seen + 50)
        server.process.send_signal(signal.SIGHUP)
        server.heard("reloaded", reloaded + 1)
        until(lambda: all(map(gone, before)), PATIENCE)
        seen = len(ledger.answered)
        ledger.wait(lambda known: len(known.answered) >= seen + 50)
    assert (ledger.broken - broken, ledger.refused) == (0, [])
    assert {*strangers.statuses} == {200}
    assert strangers.broken <= 1
    assert server.call("POST", PREDICTIONS.replace("line", "other"), ASKED).status == 200


@pytest.mark.exhaustive
def test_a_reload_with_a_mistake_changes_nothing(hasty: Workers, site: Site) -> None:
    serving = {*hasty.pids("worker"), *hasty.pids("background")}
    hasty.write(site.settings, workers="many")
    hasty.process.send_signal(signal.SIGHUP)
    assert "workers of [server:workers] is 'many'" in hasty.heard("reload_refused")["reason"]
    hasty.write({**site.settings, "mlserve.limits.body": "much"}, **HASTY)
    hasty.process.send_signal(signal.SIGHUP)
    hasty.heard("reload_failed")
    assert any("mlserve cannot start: mlserve.limits.body" in line for line in hasty.lines)
    hasty.write(site.settings, **HASTY)
    assert serving == {*hasty.pids("worker"), *hasty.pids("background")}
    assert hasty.call("POST", PREDICTIONS, ASKED).status == 200


def test_slow_clients_take_no_worker(hasty: Workers) -> None:
    """Heads and bodies that come byte by byte, and hundreds that say nothing."""
    lines = head(PREDICTIONS, "Content-Length: 99")
    clients = [socket.create_connection(hasty.address) for _ in range(300)]
    for number, client in enumerate(clients):
        client.sendall([lines[:40], lines + b"{", b""][number % 3])
    for _ in range(5):
        assert hasty.call("POST", PREDICTIONS, ASKED).status == 200
    hasty.heard("connections_closed")
    for client in clients:
        client.close()


@pytest.mark.exhaustive
def test_one_that_computes_for_too_long_is_replaced(hasty: Workers, site: Site) -> None:
    site.shut()
    ready = len(hasty.events("process_ready"))
    stuck = Asking(hasty, GATED, {"instances": [{"x": 1.0}]})
    until(lambda: site.entered == 1, PATIENCE)
    died = hasty.heard("process_hangs")["pid"]
    assert stuck.wait() is None, "its connection is closed"
    hasty.heard("process_ready", ready + 1)
    site.open()
    until(lambda: gone(died), PATIENCE)
    until(lambda: hasty.is_whole(1), PATIENCE)
    assert hasty.call("POST", PREDICTIONS, ASKED).status == 200


def test_at_the_end_what_has_begun_is_answered(hasty: Workers, site: Site) -> None:
    """Also a request in the middle of its body; then what is left in the spool is shipped."""
    body = json.dumps(ASKED).encode()
    with (
        Load(hasty, site.ledger, clients=4, pause=PAUSE),
        socket.create_connection(hasty.address, timeout=PATIENCE) as half,
    ):
        half.sendall(head(PREDICTIONS, f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close"))
        half.sendall(body[:10])
        seen = len(site.ledger.answered)
        site.ledger.wait(lambda known: len(known.answered) >= seen + 50)
        hasty.process.send_signal(signal.SIGTERM)
        until(lambda: _says_goodbye(hasty), PATIENCE)
        half.sendall(body[10:])
        heard = b""
        while piece := half.recv(65536):
            heard += piece
        assert b" 200 OK" in heard
        assert hasty.ended() == 0
    assert site.ledger.refused == []
    assert hasty.events("process_killed") == []
    site.ledger.check(f"sqlite:///{site.folder / 'var' / 'mlserve.db'}", site.folder / "var" / "spool")


def _says_goodbye(server: Workers) -> bool:
    try:
        return server.call("GET", "/health/live").headers.get("connection") == "close"
    except (OSError, HTTPException):
        return True


@pytest.mark.exhaustive
def test_pserve_starts_it_too(site: Site, tmp_path: Path) -> None:
    with Workers(
        tmp_path / "w.ini", {**site.settings, "mlserve.var": str(tmp_path)}, pserve=True, workers=1, pin="yes"
    ) as server:
        assert server.call("POST", PREDICTIONS, ASKED).status == 200
        (worker,) = server.pids("worker")
        threads = [int(path.name) for path in Path(f"/proc/{worker}/task").iterdir()]
        assert len(threads) > 5
        assert {tuple(os.sched_getaffinity(thread)) for thread in threads} == {(min(os.sched_getaffinity(0)),)}
        assert server.stop() == 0


def test_a_mistake_is_told_in_one_sentence(tmp_path: Path) -> None:
    with Workers(tmp_path / "w.ini", {}, workers="many") as server:
        assert server.ended() == 1
        with pytest.raises(AssertionError, match="nobody says this was not said"):
            server.wait_for("nobody says this")
    (line,) = server.lines
    assert line.startswith("mlserve cannot start: workers of [server:workers] is 'many': write a whole number")
