"""PostgreSQL goes away under load and comes back: `process` goes on, `sql` refuses, and nothing answered is lost."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from mlserve.db import migrate
from mlserve.registry.aliases import move
from mlserve.registry.tables import aliases, versions
from tests.conftest import new_postgres_database
from tests.factories import linear_model, serving, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.postgres import Postgres, own_postgres
from tests.functional.servers import Answer, Client, Server, served

pytestmark = pytest.mark.slow

PREDICTIONS = "/api/v1/models/line/predictions"
# Seconds within which a question is answered though PostgreSQL says nothing: connecting takes up to two.
HANGING = 8.0


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own-postgresql")


@pytest.fixture(scope="module")
def postgres(server_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with own_postgres(server_folder, tmp_path_factory.mktemp("run")) as server:
        yield server


def test_the_server_ends_when_a_test_fails(tmp_path: Path, postgres: Postgres) -> None:
    with pytest.raises(ZeroDivisionError), own_postgres(tmp_path, tmp_path) as server:
        assert server.url
        assert (tmp_path / "postmaster.pid").exists()
        raise ZeroDivisionError
    assert not (tmp_path / "postmaster.pid").exists()


@pytest.fixture
def settings(tmp_path: Path, postgres: Postgres) -> dict[str, str]:
    url = new_postgres_database(postgres.url)
    migrate.upgrade(url, ["mlserve_linear:migrations"])
    models = {"line": linear_model(tmp_path)}
    return settings_of(tmp_path, models=models, database__url=url, health__interval="20ms", shipper__interval="20ms")


def is_unavailable(answer: Answer) -> bool:
    return (
        answer.status == 503
        and answer.json["code"] == "database_unavailable"
        and answer.headers["Content-Type"] == "application/problem+json"
        and int(answer.headers["Retry-After"]) > 0
    )


def ask_all(server: Server, identity: str) -> list[Answer]:
    """Everything that needs SQL."""
    report = {"value": [None]}
    return [
        server.call("GET", f"{PREDICTIONS}/{identity}"),
        server.call("GET", PREDICTIONS),
        server.call("GET", f"{PREDICTIONS}/{identity}/actuals"),
        server.call("PUT", f"{PREDICTIONS}/{identity}/actuals", {"actuals": report}),
        server.call("POST", "/api/v1/models/line/actuals", {"actuals": [{"id": identity, "actuals": report}]}),
        server.call("POST", PREDICTIONS, {"instances": [{"x": 1, "y": 1}]}, {"Idempotency-Key": identity}),
    ]


@pytest.mark.parametrize(("way", "how"), [("process", signal.SIGINT), ("sql", signal.SIGQUIT)])
def test_the_database_goes_and_comes_back(
    tmp_path: Path, settings: dict[str, str], postgres: Postgres, way: str, how: signal.Signals
) -> None:
    ledger = Ledger()
    settings["mlserve.log.way"] = way
    with served(tmp_path / "server.ini", settings) as server:
        with Load(server, ledger):
            ledger.wait(lambda known: len(known.answered) >= 100)
            identity = server.call("POST", PREDICTIONS, {"instances": [{"x": 1, "y": 1}]}).json["id"]
            postgres.stop(how)
            before, refused = len(ledger.answered), len(ledger.refused)
            if way == "process":
                ledger.wait(lambda known: len(known.answered) >= before + 200)
            else:
                ledger.wait(lambda known: len(known.refused) >= refused + 100)
            assert all(is_unavailable(answer) for answer in ask_all(server, identity))
            until(lambda: server.health()["checks"]["database"]["state"] != "ok")
            ready = server.call("GET", "/health/ready")
            postgres.start()
            after = len(ledger.answered)
            ledger.wait(lambda known: len(known.answered) >= after + 100)
        until(lambda: server.health()["checks"]["database"]["state"] == "ok")
        told = [answer.status for answer in ask_all(server, identity)]
        assert told == [200] * len(told)
        # A commit that arrived while its connection broke may be there, though its answer was 503; and the two of ours.
        others = ledger.check(settings["mlserve.database.url"], tmp_path / "var" / "spool")
        assert 2 <= others <= 2 + len(ledger.refused)
    assert not ledger.broken
    if way == "process":
        assert not ledger.refused
        assert (ready.status, ready.json["checks"]["database"]["state"]) == (200, "degraded")
    else:
        assert all(is_unavailable(answer) for answer in ledger.refused)
        assert (ready.status, ready.json["checks"]["database"]["state"]) == (503, "failed")


def test_a_database_that_hangs_stops_no_prediction(
    tmp_path: Path, settings: dict[str, str], postgres: Postgres
) -> None:
    settings |= {"mlserve.log.way": "process", "mlserve.database.timeout": "200ms"}
    ledger = Ledger()
    with served(tmp_path / "server.ini", settings) as server, Load(server, ledger):
        identity = server.call("POST", PREDICTIONS, {"instances": [{"x": 1, "y": 1}]}).json["id"]
        until(lambda: server.call("GET", f"{PREDICTIONS}/{identity}").status == 200)
        with postgres.hanging(), ThreadPoolExecutor(4) as pool:
            # As many readers as the server has threads.
            readers = [Client(server.address, patience=HANGING) for _ in range(4)]
            asked = [pool.submit(reader.call, "GET", f"{PREDICTIONS}/{identity}") for reader in readers]
            assert all(is_unavailable(answer.result()) for answer in asked)
            before = len(ledger.answered)
            ledger.wait(lambda known: len(known.answered) >= before + 200)
            assert all(is_unavailable(answer) for answer in ask_all(server, identity))
            assert server.heard("database_failed")["reason"]
            for reader in readers:
                reader.close()
        assert server.heard("database_back")
        until(lambda: server.call("GET", f"{PREDICTIONS}/{identity}").status == 200)
        assert not ledger.refused
    assert not ledger.broken


def test_a_host_that_served_before_starts_without_it(
    tmp_path: Path, settings: dict[str, str], postgres: Postgres
) -> None:
    settings["mlserve.log.way"] = "process"
    ledger = Ledger()
    with Server(tmp_path / "server.ini", settings) as server:
        with Load(server.start(), ledger):
            ledger.wait(lambda known: len(known.answered) >= 20)
            server.kill()
        postgres.stop()
        with Load(server.start(), ledger):
            enough = len(ledger.answered) + 50
            ledger.wait(lambda known: len(known.answered) >= enough)
            until(lambda: server.health()["checks"]["models"]["state"] == "degraded")
            assert server.health()["checks"]["models"]["stale_since"].endswith("Z")
            postgres.start()
        assert ledger.check(settings["mlserve.database.url"], tmp_path / "var" / "spool") <= ledger.broken
        until(lambda: server.health()["checks"]["models"]["state"] == "ok")
        assert "stale_since" not in server.health()["checks"]["models"]
    assert not ledger.refused


def test_a_host_that_never_served_stops_with_one_sentence(
    tmp_path: Path, settings: dict[str, str], postgres: Postgres
) -> None:
    postgres.stop()
    with Server(tmp_path / "server.ini", settings) as server:
        assert server.launch().ended() == 1
        said = [line for line in server.lines if line.strip() and "database_failed" not in line]
    postgres.start()
    assert len(said) == 1
    assert said[0].startswith("mlserve cannot start: The database of mlserve.database.url cannot be reached")
    assert said[0].endswith("start the database.")


def test_a_database_that_came_back_with_other_numbers_is_followed(tmp_path: Path) -> None:
    """Restored from an older backup, it may give the same bundle another number: records say that one from then on."""
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, registry__interval="20ms")
    with serving(settings) as app:
        app.application.stale_since = "2026-01-01T00:00:00Z"  # As after a start from the snapshot.
        until(lambda: app.application.stale_since is None)
        with app.application.database.write() as connection:
            connection.execute(delete(aliases))
            connection.execute(update(versions).values(number=7))
            move(connection, "line", "champion", 7)
        until(lambda: app.predict("line", [[1, 1]]).json["version"] == 7)
        assert app.get("/api/v1/models/line").json["version"] == 7
