"""`mlserve_client` against real servers: one in a process of its own, one with keys, one under a prefix."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyramid.config import Configurator

import mlserve_client
from mlserve_client import (
    AliasUnknownError,
    Client,
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidError,
    ModelUnknownError,
    NoAnswerError,
    NothingBeforeError,
    NotSupportedError,
    PredictionUnknownError,
    RateLimitedError,
    SignatureBreaksError,
    StaleError,
    UnauthenticatedError,
    UnreadableError,
    VersionInUseError,
    VersionRetiredError,
    VersionUnknownError,
)
from tests.factories import linear_model, settings_of, until
from tests.functional.callers import guarded, make_key
from tests.functional.listening import listening
from tests.functional.registering import bundle
from tests.functional.servers import Server, served

ROOT = Path(__file__).parents[2]

ALONE = """
import sys
from mlserve_client import Client
with Client(sys.argv[1]) as client:
    print(client.predict("line", [{"x": 1, "y": 2}])["outputs"])
print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, registry__interval="50ms")
    with served(tmp_path / "server.ini", settings) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(url_of(server)) as client:
        yield client


def url_of(server: Server) -> str:
    host, port = server.address
    return f"http://{host}:{port}"


def values(answer: dict[str, Any]) -> list[float]:
    return [output["value"] for output in answer["outputs"]]


def test_every_form_of_instances_is_answered_alike(client: Client) -> None:
    frame = pd.DataFrame({"y": np.array([2, 5], np.int64), "x": pd.Categorical([1.0, 3.0])})  # its columns in any order
    forms: list[Any] = [
        [{"x": 1, "y": 2}, {"x": 3, "y": 5}],
        [[1, 2], [3, 5]],
        {"x": [1, 3], "y": np.array([2.0, 5.0])},
        np.array([[1, 2], [3, 5]], np.float32),
        frame,
        [row for _, row in frame.iterrows()],
    ]
    assert [values(client.predict("line", form)) for form in forms] == [[1.0, 2.0]] * len(forms)


def test_what_is_missing_is_told_by_instance_and_field(client: Client) -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan], "y": [pd.NaT, pd.NaT]})
    with pytest.raises(InvalidError) as caught:
        client.predict("line", frame)
    found = [(error["instance"], error["field"], error["code"]) for error in caught.value.errors]
    assert sorted(found) == [(0, "y", "null"), (1, "x", "null"), (1, "y", "null")]
    assert (caught.value.status, caught.value.more) == (422, False)
    assert caught.value.request_id
    assert "/columns/" in str(caught.value)


def test_a_key_is_one_prediction(client: Client) -> None:
    first = client.predict("line", [[1, 2]], idempotency_key="order-7")
    assert client.predict("line", [[1, 2]], idempotency_key="order-7") == first
    with pytest.raises(IdempotencyKeyReusedError):
        client.predict("line", [[1, 3]], idempotency_key="order-7")
    assert client.predict("line", [[1, 2]])["id"] != client.predict("line", [[1, 2]])["id"]
    assert client.predict("line", [[1, 2]], idempotency_key=False)["id"] != first["id"]


def test_kept_predictions_are_read_listed_explained_and_answered_with_actuals(client: Client) -> None:
    made = [client.predict("line", [[n, 0]], reference=f"n{n}", explain=n == 0)["id"] for n in range(5)]
    assert client.prediction("line", made[0])["inputs"] == [{"x": 0.0, "y": 0.0}]
    assert [one["id"] for one in client.predictions("line", page=2)] == made[::-1]
    assert [one["id"] for one in client.predictions("line", reference="n3")] == [made[3]]
    assert not list(client.predictions("line", since=datetime(2100, 1, 1, tzinfo=UTC)))
    assert client.explanation("line", made[0])["stored"]
    assert client.reproduce("line", made[0])["verdict"] == "bit_equal"
    assert "explanation" in client.explain("line", np.array([[1.0, 2.0]]))
    assert client.report("line", made[0], {"value": np.array([1.5])})["revision"] == 1
    assert client.report("line", made[0], {"value": [float("nan")]})["actuals"] == {"value": [None]}
    assert [one["revision"] for one in client.reports("line", made[0])] == [2, 1]
    told = client.report_many("line", [(made[1], {"value": [2]}), ("no-such-id", {"value": [2]})])
    assert (told["stored"], told["refused"], told["results"][1]["code"]) == (1, 1, "prediction_unknown")
    assert client.report_many("line", {made[2]: {"value": [2]}})["stored"] == 1
    with pytest.raises(PredictionUnknownError):
        client.prediction("line", "no-such-id")
    with pytest.raises(UnreadableError):
        next(client.predictions("line", page=0))
    with pytest.raises(ModelUnknownError):
        client.predict("nobody", [[1]])


def test_a_version_is_deployed_promoted_rolled_back_and_retired(client: Client, tmp_path: Path) -> None:
    archive = bundle(tmp_path, intercept=5.0)
    version = client.register(archive, model="line", reason="the summer is over")
    assert (version["model"], version["number"], version["new"]) == ("line", 2, True)
    again = client.register(str(archive), model="line")
    assert (again["number"], again["new"]) == (2, False)
    described = client.describe("line", 2, description="knows the summer", tags={"team": "ops", "old": "x"})
    assert (described["description"], described["tags"]) == ("knows the summer", {"team": "ops", "old": "x"})
    assert client.describe("line", 2, tags={"old": None}, reason="tidy")["tags"] == {"team": "ops"}
    assert client.version("line", 2)["description"] == "knows the summer"
    assert next(client.history("line"))["reason"] == "tidy"
    (registered,) = client.history("line", kind="version_registered", since=version["created_at"])
    assert registered["reason"] == "the summer is over"
    with pytest.raises(StaleError):
        client.deploy(archive, model="line", alias="champion", revision=0)  # There is one.
    shadow = client.deploy(archive, model="line", alias="shadow", reason="a look", revision=0)
    assert (shadow["version"], shadow["revision"]) == (2, 1)
    until(lambda: client.alias("line", "shadow")["answers"] == 2)
    assert values(client.predict("line", [[1, 2]], alias="shadow")) == [5.0]
    assert values(client.predict("line", [[1, 2]], version=2)) == [5.0]
    assert values(client.predict("line", [[1, 2]])) == [1.0]
    before = datetime.now(UTC)
    moved = client.promote("line", 2, reason="warmer", revision=client.alias("line")["revision"])
    assert moved["version"] == 2
    until(lambda: client.alias("line")["answers"] == 2)
    assert client.predict("line", [[1, 2]])["version"] == 2
    assert client.rollback("line", reason="too warm")["version"] == 1
    with pytest.raises(NothingBeforeError):
        client.rollback("line")
    assert [one["reason"] for one in client.history("line", alias="champion")][:2] == ["too warm", "warmer"]
    moves = client.events(model="line", kind="alias_moved", since=before)
    assert [one["reason"] for one in moves] == ["too warm", "warmer"]
    assert not list(client.events(until=datetime(2000, 1, 1, tzinfo=UTC)))
    (live,) = client.live_at("line", before, alias="champion")
    assert live["version"] == 1
    assert [one["alias"] for one in client.aliases("line")] == ["champion", "shadow"]
    with pytest.raises(VersionInUseError):
        client.retire("line", 2)
    assert client.remove_alias("line", "shadow", reason="seen enough")["version"] == 2
    assert [one["reason"] for one in client.events(alias="shadow")] == ["seen enough", "a look"]
    assert client.retire("line", 2, reason="done")["retired_at"]
    with pytest.raises(VersionRetiredError):
        client.promote("line", 2)
    assert [one["number"] for one in client.versions("line")] == [2, 1]
    assert client.version("line", 1)["signature"]["inputs"][0]["name"] == "x"
    assert client.model("line")["version"] == client.models()[0]["version"] == 1


def test_what_the_registry_refuses_is_told(client: Client, tmp_path: Path) -> None:
    narrow = client.register(bundle(tmp_path, x=1.0), model="line")["number"]
    with pytest.raises(SignatureBreaksError) as breaks:
        client.promote("line", narrow)
    assert [(error["code"], error["field"]) for error in breaks.value.errors] == [("field_gone", "y")]
    with pytest.raises(StaleError) as stale:
        client.promote("line", 1, revision=7)
    assert stale.value.current == {"version": 1, "revision": 1}
    assert client.promote("line", narrow, force=True)["revision"] == 2
    with pytest.raises(VersionUnknownError):
        client.promote("line", 9)
    for call in (lambda: client.rollback("line", alias="nobody"), lambda: client.remove_alias("line", "nobody")):
        with pytest.raises(AliasUnknownError):
            call()
    with pytest.raises(ModelUnknownError):
        list(client.history("nobody"))
    for call in (
        lambda: client.register(bundle(tmp_path), model="line", reason="x" * 2001),
        lambda: client.remove_alias("line", "champion", reason="\0"),
    ):
        with pytest.raises(UnreadableError) as unreadable:
            call()
        assert [error["field"] for error in unreadable.value.errors] == ["reason"]


def test_what_is_no_bundle_is_not_sent(client: Client, tmp_path: Path) -> None:
    text = tmp_path / "x.mlbundle"
    text.write_text("no zip")
    for path in (text, tmp_path):
        with pytest.raises(ValueError, match=r"is no \.mlbundle"):
            client.deploy(path)
    with pytest.raises(FileNotFoundError):
        client.deploy(tmp_path / "nothing.mlbundle")
    with pytest.raises(ValueError, match="does not say the model's name"):
        client.deploy(bundle(tmp_path))


def test_a_model_that_cannot_explain_says_so(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path, explanation="no")})
    with served(tmp_path / "server.ini", settings) as server, Client(url_of(server)) as client:
        assert not client.model("line")["explains"]
        with pytest.raises(NotSupportedError):
            client.explain("line", [[1, 2]])


def test_a_server_that_comes_back_is_found_again(server: Server) -> None:
    """The connection that was kept open is gone; so is the port, and with it all hope for another one."""
    with Client(url_of(server), retries=1) as client:
        first = client.predict("line", [[1, 2]], idempotency_key="order-7")
        server.kill()
        with pytest.raises(NoAnswerError):
            client.predict("line", [[1, 2]])
    with Client(url_of(server.start())) as client:
        assert client.predict("line", [[1, 2]], idempotency_key="order-7") == first


def test_threads_share_a_client_and_each_gets_its_own_answer(server: Server) -> None:
    with Client(url_of(server), connections=4) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda x: values(client.predict("line", [[x, 0]], idempotency_key=False)), range(100)))
    assert answers == [[1.0 + 2.0 * x] for x in range(100)]


def test_keys_roles_and_rates(tmp_path: Path) -> None:
    with guarded(tmp_path, auth__rate="1", auth__burst="2") as app, listening(app.app) as url:
        with Client(url) as client, pytest.raises(UnauthenticatedError):
            client.models()
        key = make_key(app.application, "predict", models={"line"})
        with Client(url, f"{key}\n", retries=0) as client:
            made = client.predict("line", [[1, 2]])
            with pytest.raises(ForbiddenError):
                client.prediction("line", made["id"])
            with pytest.raises(RateLimitedError) as caught:
                for _ in range(3):
                    client.predict("line", [[1, 2]])
            assert caught.value.retry_after
        with Client(url, key) as client:  # It waits as it is asked to, and is answered.
            assert values(client.predict("line", [[1, 2]])) == [1.0]


def test_a_server_under_a_prefix(tmp_path: Path) -> None:
    config = Configurator(settings=settings_of(tmp_path, models={"line": linear_model(tmp_path)}))
    config.include("mlserve", route_prefix="ml")
    wsgi = config.make_wsgi_app()
    try:
        with listening(wsgi) as url, Client(f"{url}/ml") as client:
            made = client.predict("line", [[1, 2]])
            assert client.prediction("line", made["id"])["outputs"] == [{"value": 1.0}]
            assert client.models()[0]["url"] == "/ml/api/v1/models/line"
    finally:
        wsgi.registry.mlserve.stop()


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_client_is_installed_and_works_without_any_part_of_the_server(server: Server, tmp_path: Path) -> None:
    """As a wheel in an environment that has urllib3 and nothing else."""
    environment, source = tmp_path / "environment", tmp_path / "source" / "plugins" / "client"
    builds = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT / "plugins" / "client", source, ignore=builds)
    (tmp_path / "source" / "mlserve").mkdir()
    shutil.copy(ROOT / "mlserve" / "_version.py", tmp_path / "source" / "mlserve")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    for path in Path(sysconfig.get_path("purelib")).glob("urllib3*"):
        shutil.copytree(path, libraries / path.name)
    python = str(environment / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--quiet"]
    wheel = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*wheel, "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)], check=True)
    (built,) = tmp_path.glob("pyramid_mlserve_client-*.whl")
    subprocess.run(
        [*pip, "install", "--no-index", str(built)], check=True
    )  # Without the network, all it needs is there.
    ran = subprocess.run([python, "-I", "-c", ALONE, url_of(server)], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("[{'value': 1.0}]\n__main__ mlserve_client urllib3\n", "")


def test_the_servers_own_name_for_it_is_the_same_client() -> None:
    from mlserve import client

    assert client.Client is Client
    assert {name for name in vars(client) if not name.startswith("_")} == {*mlserve_client.__all__}
