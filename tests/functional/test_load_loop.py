"""Versions are deployed, promoted, rolled back and retired under load: no request fails, and each answer is the right
version's. The models are real boosters, no two of which answer alike.
"""

import json
import random
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from mlserve.db.engine import open_database
from mlserve.testing import settings_of
from tests.factories import until
from tests.functional.boosters import ROWS, Booster, boosters
from tests.functional.registering import BUNDLE, MODEL
from tests.functional.servers import PATIENCE, Answer, Client, Server

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

ROUNDS = 10


@dataclass
class Seen:
    """What a client was told, and when it had asked."""

    asked_at: float
    asked: str
    id: str
    version: int
    row: int
    value: float


class Life:
    """What the operator has done, as clients may know it: by version, when it was there, retired and drained."""

    def __init__(self) -> None:
        self.registered = [1]
        self.retiring: dict[int, float] = {}
        self.drained: dict[int, float] = {}


@dataclass
class Clients:
    """Clients that ask without a pause until the block ends: the champion, an alias, and versions by their numbers."""

    address: tuple[str, int]
    life: Life
    answers: list[Seen] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)
    retired: int = 0  # times that a version was asked by its number and had been retired

    def __enter__(self) -> "Clients":
        self._ending = threading.Event()
        asking = ["", "", "/aliases/champion", "/aliases/challenger", "/versions/"]
        self._threads = [threading.Thread(target=self._ask, args=each) for each in enumerate(asking)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, place: int, asked: str) -> None:
        client, chance = Client(self.address), random.Random(place)
        while not self._ending.is_set():
            number = chance.choice(self.life.registered[-4:]) if asked == "/versions/" else None
            path, row = asked + ("" if number is None else str(number)), chance.randrange(len(ROWS))
            asked_at = time.monotonic()
            answer = client.call("POST", f"{MODEL}{path}/predictions", {"instances": [ROWS[row]]})
            if answer.status == 200:
                made = answer.json
                assert number in (None, made["version"])
                value = made["outputs"][0]["value"]
                self.answers.append(Seen(asked_at, path, made["id"], made["version"], row, value))
            elif answer.status == 409 and answer.json["code"] == "version_retired" and number in self.life.retiring:
                self.retired += 1
            else:
                self.refused.append(answer)
        client.close()


class Operator:
    """Works over HTTP, and waits until the server answers by what it has done."""

    def __init__(self, server: Server, life: Life) -> None:
        self.server = server
        self.life = life

    def deploy(self, archive: Path) -> int:
        connection = HTTPConnection(*self.server.address, timeout=PATIENCE)
        connection.request("POST", f"{MODEL}/versions", archive.read_bytes(), {"Content-Type": BUNDLE})
        response = connection.getresponse()
        number: int = json.loads(response.read())["number"]
        assert response.status == 201
        connection.close()
        self.life.registered.append(number)
        return number

    def move(self, alias: str, expected: int, **body: Any) -> float:
        """Seconds until the server answers by it."""
        url = f"{MODEL}/aliases/{alias}"
        seen = self.server.call("GET", url)
        headers = {"If-Match": seen.headers["Etag"]} if seen.status == 200 else {"If-None-Match": "*"}
        started = time.monotonic()
        moved = self.server.call("PUT", url, body or {"version": expected}, headers)
        assert (moved.status, moved.json["version"]) == (200, expected), moved.body
        until(lambda: self.server.call("GET", url).json["answers"] == expected)
        return time.monotonic() - started

    def retire(self, number: int) -> None:
        self.life.retiring[number] = time.monotonic()
        answer = self.server.call("POST", f"{MODEL}/versions/{number}/retirement", {})
        assert answer.status == 200, answer.body

    def look(self) -> bool:
        """Note which versions have drained; whether all have that were retired."""
        for number in self.life.retiring.keys() - self.life.drained.keys():
            if self.server.call("GET", f"{MODEL}/versions/{number}").json["state"] == "retired":
                self.life.drained[number] = time.monotonic()
        return self.life.retiring.keys() == self.life.drained.keys()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Booster]:
    return boosters(tmp_path_factory.mktemp("boosters"), ROUNDS + 1)


@pytest.mark.parametrize("way", ["process", pytest.param("sql", marks=pytest.mark.exhaustive)])
def test_no_request_fails_and_each_answer_is_of_the_version_that_it_names(
    tmp_path: Path, models: list[Booster], way: str
) -> None:
    life, took = Life(), []
    with Server(tmp_path / "a.ini", settings_for(tmp_path, models[0], log__way=way)) as server:
        operator = Operator(server.start(), life)
        operator.move("challenger", 1)
        with Clients(server.address, life) as clients:
            for booster in models[1:]:
                number = operator.deploy(booster.archive)
                took += [operator.move("challenger", number), operator.move("champion", number)]
                took += [operator.move("champion", number - 1, back=True), operator.move("champion", number)]
                operator.retire(number - 1)
                operator.look()
            until(operator.look)
            some = len(clients.answers)
            until(lambda: len(clients.answers) > some + 100)
        assert clients.refused == []
        reproduced(server, clients.answers)
        server.terminate(signal.SIGTERM)
        assert server.ended() == 0

    assert max(took) < 2.0
    assert clients.retired > 0
    assert {seen.version for seen in clients.answers} == set(range(1, ROUNDS + 2))
    assert {seen.asked for seen in clients.answers} >= {"", "/aliases/champion", "/aliases/challenger", "/versions/1"}
    late = [seen for seen in clients.answers if seen.asked_at > life.drained.get(seen.version, seen.asked_at)]
    assert late == []
    assert [seen for seen in clients.answers if seen.value != models[seen.version - 1].answers[seen.row]] == []
    kept_as_computed(tmp_path, clients.answers, models)


def reproduced(server: Server, answers: list[Seen]) -> None:
    """The first prediction of each version, asked again of its very bundle, is equal to the bit."""
    for seen in {seen.version: seen for seen in reversed(answers)}.values():
        found = server.call("POST", f"{MODEL}/predictions/{seen.id}/reproduction", {}).json
        assert (found["verdict"], found["version"]) == ("bit_equal", seen.version)


def kept_as_computed(folder: Path, answers: list[Seen], models: list[Booster]) -> None:
    """The log has each answer, and the outputs are those of the version that it names and of no other."""
    database = open_database(f"sqlite:///{folder / 'var' / 'mlserve.db'}")
    with database.read() as connection:
        rows = connection.execute(text("SELECT id, version, digest, inputs, outputs FROM predictions")).all()
        bundles = dict(connection.execute(text("SELECT digest, number FROM versions")).all())
    database.close()
    assert {row.id: row.version for row in rows} == {seen.id: seen.version for seen in answers}
    for row in rows:
        asked = ROWS.index(json.loads(row.inputs)[0])
        assert json.loads(row.outputs)[0]["value"] == models[row.version - 1].answers[asked]
        assert bundles[row.digest] == row.version


def settings_for(folder: Path, first: Booster, **settings: str) -> Mapping[str, str]:
    more = {"registry__interval": "50ms", **settings}
    return settings_of(folder, plugins="xgboost", models={"line": first.archive}, **more)
