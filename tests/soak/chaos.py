"""What is done to a server under load: processes killed, reloads, other champions, a database that goes away."""

import os
import random
import signal
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path

import psutil

from tests.factories import until
from tests.functional.registering import BUNDLE
from tests.functional.servers import PATIENCE
from tests.functional.workers import Workers, gone
from tests.soak.databases import Database
from tests.soak.ledger import DATABASE, Happening
from tests.soak.schedule import Due

API = "/api/v1/models"
# So long may it take until the server is whole again: its processes start while two processors have all to do.
WHOLE = 120.0


class Chaos:
    """Does what is due, one after the other, and notes when it did. The server has `workers` of them."""

    def __init__(self, server: Workers, database: Database, workers: int, seed: int) -> None:
        self.happenings: list[Happening] = []
        self.kills = 0
        self._server = server
        self._database = database
        self._workers = workers
        self._chance = random.Random(seed)
        self._champions = {"line": 1, "flights": 1}

    def run(self, dues: Sequence[Due]) -> None:
        """Until all is done; what comes late because of what was before follows it at once."""
        started = time.monotonic()
        waiting = threading.Event()
        for due in dues:
            waiting.wait(max(0.0, started + due.at - time.monotonic()))
            self._do(due)
            done = self.happenings[-1]
            took = f"{done.ended - done.began:.1f} s"
            print(f"{done.began - started:7.1f} s  {due.what}, {took}", flush=True)

    def deploy(self, model: str, bundle: Path) -> None:
        """Register a second version, and let an alias name it, so that it is loaded."""
        connection = HTTPConnection(*self._server.address, timeout=PATIENCE)
        connection.request("POST", f"{API}/{model}/versions", bundle.read_bytes(), {"Content-Type": BUNDLE})
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        connection.close()
        for alias in ("first", "second"):
            self._move(model, alias, 1 if alias == "first" else 2)

    def end(self) -> int:
        """SIGTERM; the exit status once all is shipped."""
        began = time.monotonic()
        self._server.process.send_signal(signal.SIGTERM)
        status = self._server.process.wait(WHOLE * 2)
        self.happenings.append(Happening("end", began, time.monotonic()))
        return status

    def _do(self, due: Due) -> None:
        act = getattr(self, f"_{due.what}", None)
        began = time.monotonic()
        if act is None:
            self._database.stop(due.what, due.lasting)
            ended = time.monotonic()
            until(lambda: self._server.checks()["database"]["state"] == "ok", WHOLE)
            self.happenings.append(Happening(DATABASE, began, ended))
        else:
            ports = act()
            self.happenings.append(Happening(due.what, began, time.monotonic(), frozenset(ports)))

    def _kill_worker(self) -> set[int]:
        """The ports of the clients whose connections it had."""
        victim = self._chance.choice(self._server.pids("worker"))
        process = psutil.Process(victim)
        # It takes no connection between the look at them and its end.
        process.suspend()
        until(lambda: process.status() == psutil.STATUS_STOPPED)
        ports = {one.raddr.port for one in process.net_connections("tcp") if one.raddr}
        self._kill(victim)
        return ports

    def _kill_background(self) -> set[int]:
        self._kill(self._server.pids("background")[0])
        return set()

    def _kill(self, pid: int) -> None:
        self.kills += 1
        ready = len(self._server.events("process_ready"))
        os.kill(pid, signal.SIGKILL)
        until(lambda: len(self._server.events("process_ready")) > ready, WHOLE)
        until(lambda: self._server.is_whole(self._workers), WHOLE)
        until(lambda: self._server.checks()["processes"]["state"] == "ok", WHOLE)

    def _reload(self) -> set[int]:
        before = {*self._server.pids("worker"), *self._server.pids("background")}
        seen = len(self._server.events("reloaded"))
        self._server.process.send_signal(signal.SIGHUP)
        until(lambda: len(self._server.events("reloaded")) > seen, WHOLE)
        until(lambda: all(map(gone, before)), WHOLE)
        return set()

    def _promote(self) -> set[int]:
        model = self._chance.choice([*self._champions])
        self._champions[model] = 3 - self._champions[model]
        self._move(model, "champion", self._champions[model])
        return set()

    def _move(self, model: str, alias: str, version: int) -> None:
        url = f"{API}/{model}/aliases/{alias}"
        seen = self._server.call("GET", url)
        etag = next((value for name, value in seen.headers.items() if name.lower() == "etag"), "")
        headers = {"If-Match": etag} if seen.status == 200 else {"If-None-Match": "*"}
        moved = self._server.call("PUT", url, {"version": version}, headers)
        assert (moved.status, moved.json["version"]) == (200, version), moved.body
        until(lambda: self._server.call("GET", url).json["answers"] == version, WHOLE)
