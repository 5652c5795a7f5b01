"""Two hosts, each with a folder of its own, on one PostgreSQL and one store: they follow each other, and whenever one
of them is killed, the registry is whole, and the other serves on.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from mlserve_waiting import WaitingFamily
from sqlalchemy import make_url, text

from mlserve import events
from mlserve.bundles import BundleStore, SharedStore, archive
from mlserve.db.engine import Database, open_database
from mlserve.registry import aliases, service
from mlserve.registry.bringing import pack_artefact
from mlserve.testing import settings_of
from tests.conftest import new_postgres_database
from tests.factories import until
from tests.functional.registering import BUNDLE, MODEL
from tests.functional.servers import PATIENCE, Answer, Client, Server

pytest.importorskip("fsspec")
pytestmark = pytest.mark.slow

BODY = {"instances": [{"x": 1.0}]}


@dataclass
class Hosts:
    """Servers a and b, what they share, and what a person does with it."""

    folder: Path
    database: Database
    a: Server
    b: Server
    values: dict[int, float] = field(default_factory=lambda: {1: 1.0})  # what each version answers
    made: int = 1

    def bundle(self) -> tuple[bytes, float]:
        """The archive of a model that was never there, and what it answers."""
        self.made += 1
        value = float(self.made)
        file = self.folder / f"{value:g}.waiting"
        file.write_text(json.dumps({"value": value, "folder": str(self.folder)}))
        packed = BundleStore(self.folder / "packed")
        path = self.folder / f"{value:g}.mlbundle"
        archive.write(packed.open(pack_artefact(WaitingFamily(), file, packed).digest), path)
        return path.read_bytes(), value

    def register(self, host: Server) -> int:
        body, value = self.bundle()
        return self.registered(send(host, body), value)

    def registered(self, answer: Answer, value: float) -> int:
        assert answer.status in (200, 201), answer.body
        number: int = answer.json["number"]
        self.values[number] = value
        return number

    def move(self, host: Server, version: int) -> Answer:
        url = f"{MODEL}/aliases/champion"
        seen = {"If-Match": host.call("GET", url).headers["Etag"]}
        return host.call("PUT", url, {"version": version}, seen)

    def versions(self) -> list[int]:
        with self.database.read() as connection:
            return [row["number"] for row in service.versions(connection, "line")]

    def check(self) -> None:
        """Each version has its bundle and its event, and each alias is where its last event says."""
        with self.database.read() as connection:
            told = events.page(connection, model="line", limit=1000)
            rows = service.versions(connection, "line")
            (champion,) = aliases.of_model(connection, "line")
        registered = [one.version or 0 for one in told if one.kind == "version_registered"]
        assert sorted(registered) == [row["number"] for row in rows]
        moves = [one for one in told if one.kind == "alias_moved"]
        assert champion.revision == len(moves)
        assert (moves[0].after["version"], moves[0].after["revision"]) == (champion.version, champion.revision)
        assert champion.version in registered
        elsewhere = SharedStore(f"file://{self.folder}/shared", BundleStore(self.folder / "elsewhere"))
        for row in rows:
            assert elsewhere.open(row["digest"]).digest == row["digest"]

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Whoever loads a model waits until the block ends."""
        (self.folder / "hold").touch()
        try:
            yield
        finally:
            (self.folder / "hold").unlink()


def answering(host: Server) -> int:
    number: int = host.call("POST", f"{MODEL}/predictions", BODY).json["version"]
    return number


def send(host: Server, body: bytes) -> Answer:
    with closing(HTTPConnection(*host.address, timeout=PATIENCE)) as connection:
        connection.request("POST", f"{MODEL}/versions", body, {"Content-Type": BUNDLE})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres_template: str, postgres_url: str) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    url = new_postgres_database(postgres_url, make_url(postgres_template).database)
    first = folder / "1.waiting"
    first.write_text(json.dumps({"value": 1.0, "folder": str(folder)}))
    servers = []
    for name in "ab":
        settings = settings_of(
            folder / name,
            plugins="mlserve_waiting",
            models={"line": first},
            database__url=url,
            store__url=f"file://{folder}/shared",
            registry__interval="100ms",
            log__way="process",
            dashboard__enabled="false",
        )
        servers.append(Server(folder / f"{name}.ini", settings))
    database = open_database(url)
    with servers[0] as a, servers[1] as b:
        a.launch()
        b.start()
        yield Hosts(folder, database, a, b)
    database.close()


@pytest.fixture
def hosts(pair: Hosts) -> Iterator[Hosts]:
    """Both of them well, whatever the test before has left."""
    if not pair.a.process.is_alive():
        pair.a.start()
    champion = pair.b.call("GET", f"{MODEL}/aliases/champion").json["version"]
    until(lambda: answering(pair.a) == answering(pair.b) == champion)
    yield pair
    print("--- a:", *pair.a.lines[-30:], "--- b:", *pair.b.lines[-30:], sep="\n")


@dataclass
class Asking:
    """A client of one host that asks without a pause until the block ends."""

    host: Server
    answers: list[tuple[int, float]] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)

    def __enter__(self) -> "Asking":
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(self.host.address,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _ask(self, address: tuple[str, int]) -> None:
        client = Client(address)
        while not self._ending.is_set():
            answer = client.call("POST", f"{MODEL}/predictions", BODY)
            if answer.status == 200:
                self.answers.append((answer.json["version"], answer.json["outputs"][0]["value"]))
            else:
                self.refused.append(answer)
        client.close()


def test_what_one_host_deploys_the_other_serves_within_two_seconds(hosts: Hosts) -> None:
    with Asking(hosts.a) as one, Asking(hosts.b) as other:
        for _ in range(2):
            number = hosts.register(hosts.a)
            assert hosts.move(hosts.a, number).status == 200
            until(lambda n=number: answering(hosts.b) == n, 2.0)
            until(lambda n=number: answering(hosts.a) == n, 2.0)
        with hosts.holding():
            last = hosts.register(hosts.b)
            assert hosts.move(hosts.b, last).status == 200
            for host in (hosts.a, hosts.b):
                until(lambda h=host: state(h, last) == "loading", 2.0)
                assert host.call("GET", f"{MODEL}/aliases/champion").json["answers"] == number
        until(lambda: answering(hosts.a) == answering(hosts.b) == last, 2.0)
        until(lambda: last in {version for version, _ in other.answers})  # The client itself asks a moment later.
    assert one.refused == other.refused == []
    assert all(value == hosts.values[version] for version, value in one.answers + other.answers)
    assert {last - 2, number, last} <= {version for version, _ in other.answers}
    for host in (hosts.a, hosts.b):  # Each drains in its own time.
        until(lambda h=host: [state(h, n) for n in (last - 2, number, last)] == ["idle", "idle", "ready"])
    assert hosts.a.call("GET", f"{MODEL}/versions").json == hosts.b.call("GET", f"{MODEL}/versions").json
    hosts.check()


def state(host: Server, number: int) -> str:
    told: str = host.call("GET", f"{MODEL}/versions/{number}").json["state"]
    return told


def test_of_two_who_promote_at_once_on_two_hosts_one_wins_and_the_other_is_told(hosts: Hosts) -> None:
    versions = [hosts.register(hosts.a) for _ in range(3)]
    url = f"{MODEL}/aliases/champion"
    for _ in range(5):
        seen = hosts.a.call("GET", url)
        # Both move it to somewhere else: who moves it to where it is changes nothing.
        one, other = [number for number in versions if number != seen.json["version"]][:2]
        barrier, etag = threading.Barrier(2), seen.headers["Etag"]
        with ThreadPoolExecutor(2) as pool:
            asked = {one: pool.submit(promote, hosts.a, one, etag, barrier)}
            asked[other] = pool.submit(promote, hosts.b, other, etag, barrier)
            answers = {number: answer.result() for number, answer in asked.items()}
        (winner,) = (number for number, answer in answers.items() if answer.status == 200)
        (refused,) = (answer for answer in answers.values() if answer.status != 200)
        assert (refused.status, refused.json["code"]) == (412, "stale")
        assert refused.json["current"] == {"version": winner, "revision": seen.json["revision"] + 1}
        until(lambda n=winner: answering(hosts.a) == answering(hosts.b) == n)
    hosts.check()


def promote(host: Server, version: int, etag: str, barrier: threading.Barrier) -> Answer:
    client = Client(host.address)
    client.call("GET", f"{MODEL}/aliases/champion")  # So that the connection is there.
    barrier.wait()
    answer = client.call("PUT", f"{MODEL}/aliases/champion", {"version": version}, {"If-Match": etag})
    client.close()
    return answer


def test_a_host_that_is_killed_while_a_bundle_is_sent_to_it_leaves_nothing(hosts: Hosts) -> None:
    body, value = hosts.bundle()
    before = hosts.versions()
    with socket.create_connection(hosts.a.address) as sending, Asking(hosts.b) as other:
        head = f"POST {MODEL}/versions HTTP/1.1\r\nHost: a\r\nContent-Type: {BUNDLE}\r\n"
        sending.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
        hosts.a.kill()
        goes_on(other)
    assert hosts.versions() == before
    assert other.refused == []
    converges(hosts, body, value)


@pytest.mark.parametrize("moment", ["registering", "moving"])
def test_a_host_that_is_killed_within_a_change_leaves_nothing_half_done(hosts: Hosts, moment: str) -> None:
    body, value = hosts.bundle()
    if moment == "moving":
        number = hosts.registered(send(hosts.a, body), value)
    before, answers = hosts.versions(), answering(hosts.b)
    with Asking(hosts.b) as other:
        with ThreadPoolExecutor(1) as pool, hosts.database.write() as connection:
            # It waits for the model's row, in its transaction; a bundle to be registered is in the store by now.
            service.lock(connection, "line")
            asked = (
                pool.submit(send, hosts.a, body)
                if moment == "registering"
                else pool.submit(hosts.move, hosts.a, number)
            )
            until(lambda: waiting(hosts.database) == 1)
            hosts.a.kill()
            assert isinstance(asked.exception(PATIENCE), OSError | HTTPException)
        assert hosts.versions() == before
        hosts.check()
        goes_on(other)
    assert {version for version, _ in other.answers} == {answers}
    assert other.refused == []
    converges(hosts, body, value)


def waiting(database: Database) -> int:
    """How many wait for somebody's lock."""
    with database.read() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) or 0)


def goes_on(asking: Asking) -> None:
    some = len(asking.answers)
    until(lambda: len(asking.answers) > some + 20)


@pytest.mark.exhaustive
def test_a_host_that_is_killed_while_it_loads_is_followed_by_the_other(hosts: Hosts) -> None:
    before = answering(hosts.b)
    with Asking(hosts.b) as other:
        number = hosts.register(hosts.a)
        with hosts.holding():
            assert hosts.move(hosts.a, number).status == 200
            until(lambda: state(hosts.a, number) == "loading")
            hosts.a.kill()
            hosts.check()
            assert answering(hosts.b) == before
        until(lambda: answering(hosts.b) == number, 2.0)
    assert other.refused == []
    hosts.a.start()
    until(lambda: answering(hosts.a) == number)
    hosts.check()


@pytest.mark.exhaustive
def test_a_host_that_is_killed_again_and_again_leaves_the_registry_whole(hosts: Hosts) -> None:
    """At moments that nobody has chosen, of a deploy from its first byte to the answer."""
    with Asking(hosts.b) as other:
        for attempt in range(4):
            body, _ = hosts.bundle()
            with ThreadPoolExecutor(1) as pool:
                asked = pool.submit(deploy, hosts.a, body)
                time.sleep(0.015 * attempt**2)  # The moment itself: it waits for nothing.
                hosts.a.kill()
                assert isinstance(asked.exception(PATIENCE), OSError | HTTPException | None)
            hosts.check()
            hosts.a.start()
        until(lambda: answering(hosts.a) == answering(hosts.b))
    assert other.refused == []
    converges(hosts, *hosts.bundle())


def deploy(host: Server, body: bytes) -> None:
    number = send(host, body).json["number"]
    with closing(Client(host.address)) as client:
        etag = client.call("GET", f"{MODEL}/aliases/champion").headers["Etag"]
        client.call("PUT", f"{MODEL}/aliases/champion", {"version": number}, {"If-Match": etag})


def converges(hosts: Hosts, body: bytes, value: float) -> None:
    """Host a, started again if it was killed, takes the deploy from the beginning, and both answer by it."""
    if not hosts.a.process.is_alive():
        hosts.a.start()
    number = hosts.registered(send(hosts.a, body), value)
    assert hosts.move(hosts.a, number).status == 200
    for host in (hosts.a, hosts.b):
        until(lambda h=host: answering(h) == number)
        assert host.call("POST", f"{MODEL}/predictions", BODY).json["outputs"] == [{"value": value}]
    hosts.check()
