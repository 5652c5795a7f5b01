"""Clients under which the server stands: each asks one thing after the other, and writes down what it was told.

python -m tests.soak.clients FOLDER HOST PORT SEED THREADS

A process of its own, until its standard input ends: the server's load must not come from the process that watches it.
"""

import json
import random
import sys
import threading
import time
from collections import deque
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec

from tests.soak.ledger import PREDICTING, Told

PATIENCE = 30.0
# What is asked, by its share; and the rows of those that ask for many.
KINDS = {"one": 58, "many": 12, "keyed": 8, "actual": 8, "read": 5, "bad": 9}
MANY = {3: 60, 40: 30, 200: 9, 1000: 1}
PATHS = ("", "", "", "/aliases/champion", "/versions/1")
BAD = (
    ("/models/line/predictions", b'{"instances": [{"x": 1,', 400),
    ("/models/line/predictions", b'{"instances": [{"x": 1.5, "y": true}]}', 422),
    ("/models/flights/predictions", b'{"instances": [{"carrier": "??"}]}', 422),
    ("/models/none/predictions", b'{"instances": [[1]]}', 404),
)


class Client:
    """One of them. Every second one keeps its connection; the others make a new one for each request."""

    def __init__(self, folder: Path, address: tuple[str, int], seed: int) -> None:
        self._pool: dict[str, Any] = json.loads((folder / "pool.json").read_bytes())
        self._texts = {name: [json.dumps(row) for row in model["rows"]] for name, model in self._pool.items()}
        self._address = address
        self._chance = random.Random(seed)
        self._name = f"c{seed}"
        self._keeps = seed % 2 == 0
        self._connection = HTTPConnection(*address, timeout=PATIENCE)
        self._mine: deque[Told] = deque(maxlen=50)  # predictions to report actuals of
        self._keyed: deque[Told] = deque(maxlen=20)  # to be sent again
        self._numbers = 0
        self.out = (folder / f"told-{seed}.jsonl").open("wb")

    def run(self, leaving: threading.Event) -> None:
        """Until it is told to leave, or nobody listens any more."""
        with self.out:
            while not leaving.is_set():
                told = self._step()
                self.out.write(msgspec.json.encode(told) + b"\n")
                if told.stage == "connect":
                    break
        self._connection.close()

    def _step(self) -> Told:
        kind = self._chance.choices([*KINDS], [*KINDS.values()])[0]
        if kind == "bad":
            return self._bad()
        if kind in ("actual", "read") and self._mine:
            return self._about(kind, self._chance.choice(self._mine))
        return self._predict(kind if kind in PREDICTING else "one")

    def _predict(self, kind: str) -> Told:
        told = self._new(kind)
        headers = {}
        if kind == "keyed":
            told = self._again() or msgspec.structs.replace(told, key=f"{self._name}-{self._numbers}")
            headers["Idempotency-Key"] = told.key
        instances = ",".join(self._texts[told.model][told.start : told.start + told.rows])
        # A key belongs to what was asked with it, the number of a version included.
        path = "" if told.key else self._chance.choice(PATHS)
        body = f'{{"instances": [{instances}]}}'
        answer = self._call("POST", f"/models/{told.model}{path}/predictions", body, told, headers)
        if answer is not None and told.status == 200:
            told.id, told.version = answer["id"], answer["version"]
            told.wrong = self._difference(told, answer, path)
            self._mine.append(told)
        if told.key:
            self._keyed.append(told)
        return told

    def _new(self, kind: str) -> Told:
        self._numbers += 1
        model = self._chance.choice(["line", "flights"])
        rows = self._chance.choices([*MANY], [*MANY.values()])[0] if kind == "many" else 1
        start = self._chance.randrange(len(self._pool[model]["rows"]) - rows)
        return Told(0.0, 0.0, kind, model, start, rows)

    def _again(self) -> Told | None:
        """Half of those with a key repeat an earlier request, such as one whose answer never came."""
        if not self._keyed or self._chance.random() < 0.5:
            return None
        before = self._keyed[-1] if self._keyed[-1].status != 200 else self._chance.choice(self._keyed)
        return Told(0.0, 0.0, "keyed", before.model, before.start, before.rows, key=before.key)

    def _difference(self, told: Told, answer: Any, path: str) -> str:
        if path.startswith("/versions/") and not path.endswith(f"/{told.version}"):
            return f"{path} was answered by version {told.version}"
        expected = self._pool[told.model]["answers"][told.version - 1][told.start : told.start + told.rows]
        return "" if answer["outputs"] == expected else f"{told.id} is not what version {told.version} says"

    def _about(self, kind: str, before: Told) -> Told:
        """Report what happened of a prediction, or read it back."""
        told = Told(0.0, 0.0, kind, before.model, before.start, before.rows, id=before.id, version=before.version)
        path = f"/models/{before.model}/predictions/{before.id}"
        expected = self._pool[before.model]["answers"][before.version - 1][before.start : before.start + before.rows]
        if kind == "read":
            answer = self._call("GET", path, None, told)
            if answer is not None and told.status == 200 and answer["outputs"] != expected:
                told.wrong = f"{before.id} is kept with other outputs"
        else:
            actuals = {name: [row[name] for row in expected] for name in expected[0]}
            self._call("PUT", f"{path}/actuals", json.dumps({"actuals": actuals}), told)
        return told

    def _bad(self) -> Told:
        path, body, status = self._chance.choice(BAD)
        told = Told(0.0, 0.0, "bad", path.split("/")[2], 0, 0)
        self._call("POST", path, body, told, expected=status)
        return told

    def _call(
        self,
        method: str,
        path: str,
        body: str | bytes | None,
        told: Told,
        headers: dict[str, str] | None = None,
        expected: int = 200,
    ) -> Any:
        """The answer's JSON; None where there is no whole one. What came of it is written into `told`."""
        headers = {"Content-Type": "application/json", **(headers or {})}
        if not self._keeps:
            headers["Connection"] = "close"
        told.began = time.monotonic()
        stage = "connect"
        try:
            told.reused = self._connection.sock is not None
            if not told.reused:
                self._connection.connect()
            told.port = self._connection.sock.getsockname()[1]
            stage = "asked"
            self._connection.request(method, f"/api/v1{path}", body, headers)
            response = self._connection.getresponse()
            stage = "answering"
            told.status, content = response.status, response.read()
        except (OSError, HTTPException):
            self._connection.close()
            told.stage, told.status = stage, 0
            return None
        finally:
            told.ended = time.monotonic()
        answer = json.loads(content)
        if told.status != expected:
            told.code = answer.get("code", "")
            if told.status != 503:
                told.wrong = f"{told.status} {told.code}: {answer.get('detail', '')}"
        return answer


def main(folder: str, host: str, port: str, seed: str, threads: str) -> None:
    leaving = threading.Event()
    numbers = range(int(seed) * 100, int(seed) * 100 + int(threads))
    clients = [Client(Path(folder), (host, int(port)), number) for number in numbers]
    running = [threading.Thread(target=client.run, args=(leaving,)) for client in clients]
    for thread in running:
        thread.start()
    sys.stdin.read()
    leaving.set()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
