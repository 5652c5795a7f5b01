"""Explanations through the real application: answered, kept, computed again, and refused where they cannot be."""

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mlserve_linear.contributions import LinearContributions
from pyramid.config import Configurator
from sqlalchemy import select, text

from mlserve.cli import main
from mlserve.db import migrate
from mlserve.db.engine import open_database
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.servers import Client, Server

URL = "/api/v1/models/line"
ROWS = [[1.5, 2.0], [0.0, -1.0]]
BLOCKS = [
    {"name": None, "margin": 2.0, "bias": 1.0, "contributions": {"x": 3.0, "y": -2.0}},
    {"name": None, "margin": 2.0, "bias": 1.0, "contributions": {"x": 0.0, "y": 1.0}},
]
EXPLANATION = {"method": "terms", "scale": "value", "instances": [{"blocks": [block]} for block in BLOCKS]}


@pytest.fixture
def url(database_url: str) -> str:
    migrate.upgrade(database_url, ["mlserve_linear:migrations"])
    return database_url


@pytest.fixture(params=["sql", "process", "off"])
def app(tmp_path: Path, url: str, request: pytest.FixtureRequest) -> Iterator[Served]:
    models = {"line": linear_model(tmp_path), "mute": linear_model(tmp_path, "mute", explanation="no")}
    with serving(settings_of(tmp_path, models=models, database__url=url, log__way=request.param)) as served:
        yield served


def way(app: Served) -> str:
    return str(app.application.settings["mlserve.log.way"])


def explain(app: Served, identity: str, status: int = 200) -> Any:
    return app.get(f"{URL}/predictions/{identity}/explanation", status=status).json


def stored(app: Served) -> list[dict[str, Any]]:
    table = app.application.prediction_tables["linear"].table
    with app.application.database.read() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by("prediction_id", "instance")).mappings()]


def test_a_prediction_is_answered_and_kept_with_its_explanation(app: Served) -> None:
    answer = app.predict("line", ROWS, explain=True).json
    assert answer["outputs"] == [{"value": 2.0}, {"value": 2.0}]
    assert answer["explanation"] == EXPLANATION
    if way(app) == "off":
        assert explain(app, answer["id"], 404)["code"] == "prediction_unknown"
        return
    told = {"id": answer["id"], "model": "line", "version": 1, "stored": True, "explanation": EXPLANATION}
    assert explain(app, answer["id"]) == told
    until(lambda: len(stored(app)) == 2)
    assert explain(app, answer["id"]) == told


def test_contributions_and_bias_add_up_to_the_answer(app: Served) -> None:
    rows = [[number / 7, number * -0.3] for number in range(50)]
    answer = app.predict("line", rows, explain=True).json
    for output, instance in zip(answer["outputs"], answer["explanation"]["instances"], strict=True):
        (block,) = instance["blocks"]
        assert block["bias"] + sum(block["contributions"].values()) == pytest.approx(block["margin"], rel=1e-5)
        assert block["margin"] == pytest.approx(output["value"], abs=1e-3)


def test_a_prediction_that_was_not_explained_is_explained_now(app: Served) -> None:
    answer = app.predict("line", ROWS).json
    assert "explanation" not in answer
    if way(app) != "off":
        told = explain(app, answer["id"])
        assert (told["stored"], told["explanation"]) == (False, EXPLANATION)
    assert stored(app) == []


def test_instances_are_explained_and_nothing_is_kept(app: Served) -> None:
    answer = app.post_json(f"{URL}/explanations", {"instances": ROWS, "reference": "why"}).json
    assert answer == {"model": "line", "version": 1, "alias": "champion", "explanation": EXPLANATION}
    assert app.get(f"{URL}/predictions").json["predictions"] == []
    assert app.post(f"{URL}/explanations", "{", {"Content-Type": "application/json"}, status=400)
    refused = app.post_json(f"{URL}/explanations", {"instances": [["a", 1]], "colour": 1}, status=422).json
    assert [problem["pointer"] for problem in refused["errors"]] == ["/colour", "/instances/0/0"]
    assert app.post(f"{URL}/explanations", "x=1", status=415).json["code"] == "unsupported_media_type"
    assert app.get(f"{URL}/explanations", status=405).json["code"] == "method_not_allowed"


def test_a_model_that_cannot_says_so_everywhere_and_keeps_nothing(app: Served) -> None:
    assert app.get(URL).json["explains"] is True
    mute = "/api/v1/models/mute"
    assert app.get(mute).json["explains"] is False
    kept = app.predict("mute", ROWS).json["id"]
    refusals = [
        app.predict("mute", ROWS, explain=True, status=409),
        app.post_json(f"{mute}/explanations", {"instances": ROWS}, status=409),
        app.post_json(
            f"{mute}/predictions",
            {"instances": ROWS, "explain": True},
            headers={"Idempotency-Key": "k"},
            status=409,
        ),
    ]
    if way(app) != "off":
        refusals.append(app.get(f"{mute}/predictions/{kept}/explanation", status=409))
        until(lambda: len(app.get(f"{mute}/predictions").json["predictions"]) == 1)
    for refused in refusals:
        assert refused.json["code"] == "not_supported"
        assert "cannot explain its predictions" in refused.json["detail"]


def test_a_replay_answers_the_explanation_that_was_stored(app: Served) -> None:
    def send() -> Any:
        body = {"instances": ROWS, "explain": True}
        return app.post_json(f"{URL}/predictions", body, headers={"Idempotency-Key": "order-7"})

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(), range(8)))
    assert [answer.json for answer in answers] == [answers[0].json] * 8
    assert answers[0].json["explanation"] == EXPLANATION
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len(stored(app)) == 2


def test_what_explain_may_be_and_how_many_instances(tmp_path: Path) -> None:
    models = {"line": linear_model(tmp_path)}
    with serving(settings_of(tmp_path, models=models, limits__explained="2")) as app:
        (problem,) = app.predict("line", ROWS, explain="yes", status=422).json["errors"]
        assert (problem["pointer"], problem["code"], problem["expected"]) == ("/explain", "type", "true or false")
        for refused in (
            app.predict("line", [*ROWS, [1, 1]], explain=True, status=413),
            app.post_json(f"{URL}/explanations", {"instances": [*ROWS, [1, 1]]}, status=413),
        ):
            assert "at most 2 of this model at once (mlserve.limits.explained)" in refused.json["detail"]
        assert app.get(f"{URL}/predictions").json["predictions"] == []
        many = app.predict("line", [*ROWS, [1, 1]]).json["id"]
        assert explain(app, many, 413)["code"] == "too_large"


@pytest.mark.parametrize("explanation", ["failing", "misshapen"])
def test_a_plugin_s_mistake_is_a_500_without_secrets_and_keeps_nothing(tmp_path: Path, explanation: str) -> None:
    models = {"line": linear_model(tmp_path, explanation=explanation)}
    with serving(settings_of(tmp_path, models=models)) as app:
        for refused in (
            app.predict("line", ROWS, explain=True, status=500),
            app.post_json(f"{URL}/explanations", {"instances": ROWS}, status=500),
        ):
            assert refused.json["code"] == "prediction_failed"
            assert "secret" not in refused.text
        assert app.get(f"{URL}/predictions").json["predictions"] == []
        assert app.predict("line", ROWS).status_int == 200


def keep(path: Path, **fields: str) -> None:
    inputs = [{"name": name, "keep": how} for name, how in fields.items()]
    path.with_name(path.name + ".signature.json").write_text(json.dumps({"inputs": inputs}))


@pytest.mark.parametrize("way", ["sql", "process"])
def test_the_contribution_of_a_field_that_is_not_kept_is_not_kept_either(tmp_path: Path, way: str) -> None:
    path = linear_model(tmp_path)
    keep(path, y="hash")
    with serving(settings_of(tmp_path, models={"line": path}, log__way=way)) as app:
        answer = app.predict("line", ROWS, explain=True).json
        assert answer["explanation"] == EXPLANATION
        kept = explain(app, answer["id"])["explanation"]["instances"]
        assert [one["blocks"][0]["contributions"] for one in kept] == [{"x": 3.0, "y": None}, {"x": 0.0, "y": None}]
        until(lambda: len(stored(app)) == 2)
        assert [row["contributions"] for row in stored(app)] == [{"x": 3.0, "y": None}, {"x": 0.0, "y": None}]
        unexplained = app.predict("line", ROWS).json["id"]
        refused = explain(app, unexplained, 409)
        assert (refused["code"], refused["detail"]) == (
            "not_supported",
            "The inputs of this prediction were not kept whole: 'y' (hash).",
        )


def test_past_versions_explain_what_they_predicted(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    made: dict[int, str] = {}
    for version in (1, 2, 3, 4):
        linear_model(tmp_path, intercept=float(version))
        with serving(settings) as app:
            made[version] = app.predict("line", [[1, 0]]).json["id"]

    def biases(app: Served, version: int) -> tuple[int, float]:
        told = explain(app, made[version])
        return told["version"], told["explanation"]["instances"][0]["blocks"][0]["bias"]

    with serving(settings) as app:
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda number: biases(app, number % 4 + 1), range(40)))
        assert found == [(number % 4 + 1, float(number % 4 + 1)) for number in range(40)]
        assert app.get(URL).json["version"] == 4
        digest = app.get(f"{URL}/predictions/{made[1]}").json["lineage"]["digest"]
    shutil.rmtree(tmp_path / "var" / "bundles" / digest)
    with serving(settings) as app:
        refused = explain(app, made[1], 409)
        assert refused["detail"].startswith("Version 1 of model line does not answer any more, and its bundle ")
        assert biases(app, 2) == (2, 2.0)
        digest = app.get(f"{URL}/predictions/{made[3]}").json["lineage"]["digest"]
        (artefact,) = (tmp_path / "var" / "bundles" / digest / "files").iterdir()
        artefact.write_text("damaged")
        refused = explain(app, made[3], 409)
        assert refused["detail"].startswith("Version 3 of model line cannot be loaded from its bundle ")
        page = app.get(f"/predictions/{made[3]}?explain=1", headers={"Accept": "text/html"})
        assert page.html.find(role="status").text == refused["detail"]


def without_linear_table(config: Configurator) -> None:
    config.registry.mlserve.prediction_tables.clear()


def test_where_the_table_is_gone_the_prediction_arrives_and_its_explanation_is_set_aside(tmp_path: Path) -> None:
    models = {"line": linear_model(tmp_path)}
    settings = settings_of(tmp_path, models=models, log__way="process")
    with serving(settings | {"mlserve.shipper.enabled": "false"}) as app:
        made = app.predict("line", ROWS, explain=True).json["id"]
        assert explain(app, made)["stored"] is True
    with serving(settings, without_linear_table) as app:
        until(lambda: len(app.get(f"{URL}/predictions").json["predictions"]) == 1)
        told = explain(app, made)
        assert (told["stored"], told["explanation"]) == (False, EXPLANATION)  # Nothing is lost: it can be computed.
        counters = app.get("/health/ready").json["counters"]
        assert (counters["records_shipped"], counters["explanations_set_aside"]) == (1, 1)
        assert app.predict("line", ROWS, explain=True).json["explanation"] == EXPLANATION
    (aside,) = (tmp_path / "var" / "spool" / "set-aside").glob("*.record")
    assert aside.stem == made
    assert b'"explanation":{"method"' in aside.read_bytes()


@pytest.mark.parametrize("way", ["sql", "process"])
def test_a_replay_has_its_explanation_where_the_family_keeps_none(tmp_path: Path, way: str) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way=way)
    headers = {"Idempotency-Key": "order-7"}
    with serving(settings, without_linear_table) as app:
        first, again = (
            app.post_json(f"{URL}/predictions", {"instances": ROWS, "explain": True}, headers=headers) for _ in range(2)
        )
        assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
        assert again.json["explanation"] == EXPLANATION
        assert explain(app, first.json["id"])["stored"] is False
    linear_model(tmp_path, z=1.0)  # Another version answers now.
    with serving(settings, without_linear_table) as app:
        again = app.post_json(f"{URL}/predictions", {"instances": ROWS, "explain": True}, headers=headers)
        assert again.json == first.json
        shutil.rmtree(
            tmp_path / "var" / "bundles" / app.get(f"{URL}/predictions/{first.json['id']}").json["lineage"]["digest"]
        )
    with serving(settings, without_linear_table) as app:
        again = app.post_json(f"{URL}/predictions", {"instances": ROWS, "explain": True}, headers=headers).json
        assert again == {name: value for name, value in first.json.items() if name != "explanation"}


class Illegible(LinearContributions):
    """Keeps explanations, and cannot read them."""

    def explanation(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        raise KeyError("secret")


def with_an_illegible_table(config: Configurator) -> None:
    config.registry.mlserve.prediction_tables["linear"] = Illegible()


def test_a_plugin_that_cannot_read_its_rows_takes_no_prediction_down(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="sql")
    with serving(settings, with_an_illegible_table) as app:
        body = {"instances": ROWS, "explain": True}
        first, again = (
            app.post_json(f"{URL}/predictions", body, headers={"Idempotency-Key": "k"}).json for _ in range(2)
        )
        assert again == first
        one = f"{URL}/predictions/{first['id']}"
        assert app.get(one).json["outputs"] == first["outputs"]
        assert app.get(one, headers={"Accept": "text/csv"}).text.count(first["id"]) == 2
        told = explain(app, first["id"])
        assert (told["stored"], told["explanation"]) == (False, EXPLANATION)
        for query in ("", "?explain=1"):
            assert app.get(f"/predictions/{first['id']}{query}", headers={"Accept": "text/html"}).status_int == 200


def test_a_body_given_to_the_command_line_is_kept_with_its_explanation(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="sql")
    ini, body = tmp_path / "app.ini", tmp_path / "body.json"
    lines = [f"{key} = {value}" for key, value in settings.items()]
    ini.write_text("\n".join(["[app:main]", "use = egg:pyramid-mlserve", *lines]))
    body.write_text(json.dumps({"instances": ROWS, "explain": True}))
    done = CliRunner().invoke(main, ["predict", str(ini), "line", str(body)])
    assert done.exit_code == 0, done.output
    made = {json.loads(line)["prediction"] for line in done.output.splitlines()}
    with serving(settings) as app:
        told = explain(app, made.pop())
        assert (told["stored"], told["explanation"], made) == (True, EXPLANATION, set())


def test_two_applications_keep_apart(tmp_path: Path) -> None:
    with ExitStack() as stack:
        apps = []
        for number in (1, 2):
            folder = tmp_path / str(number)
            folder.mkdir()
            models = {"line": linear_model(folder, intercept=float(number))}
            apps.append(stack.enter_context(serving(settings_of(folder, models=models))))
        made = [app.predict("line", [[0, 0]], explain=True).json for app in apps]
        for app, other, mine, theirs in ((apps[0], apps[1], *made), (apps[1], apps[0], *reversed(made))):
            assert explain(app, mine["id"])["explanation"] == mine["explanation"]
            assert explain(other, mine["id"], 404)["code"] == "prediction_unknown"
            assert mine["explanation"] != theirs["explanation"]


def test_many_threads_explain_and_every_answer_is_its_own(app: Served) -> None:
    def ask(number: int) -> tuple[float, float]:
        answer = app.predict("line", [[number, 0]], explain=True).json
        return answer["outputs"][0]["value"], answer["explanation"]["instances"][0]["blocks"][0]["margin"]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(60))) == [(1.0 + 2 * number,) * 2 for number in range(60)]
    if way(app) != "off":
        until(lambda: len(stored(app)) == 60)


class Asking(threading.Thread):
    """Asks for explained predictions, one after another on a connection of its own, until the server is gone."""

    def __init__(self, server: Server, told: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.client, self.told = Client(server.address), told
        self.start()

    def run(self) -> None:
        number = 0
        with contextlib.suppress(OSError, HTTPException):
            while True:
                number += 1
                body = {"instances": [[number, 1]] * (1 + number % 3), "explain": True}
                answer = self.client.call("POST", f"{URL}/predictions", body)
                assert answer.status == 200
                self.told[answer.json["id"]] = answer.json["explanation"]


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_killed_server_loses_no_explanation_that_it_answered(tmp_path: Path, url: str) -> None:
    settings = settings_of(
        tmp_path,
        models={"line": linear_model(tmp_path)},
        database__url=url,
        log__way="process",
        spool__segment_size="64KiB",
        shipper__interval="20ms",
        shipper__batch="50",
    )
    told: dict[str, Any] = {}
    with Server(tmp_path / "server.ini", settings) as server:
        for _ in range(2):
            server.start()
            enough = len(told) + 150
            asking = [Asking(server, told) for _ in range(2)]
            until(lambda: len(told) >= enough, 60)  # noqa: B023
            server.kill()
            for one in asking:
                one.join(20)
        server.start()
        kept = {one: server.call("GET", f"{URL}/predictions/{one}/explanation").json for one in told}
        assert {one: read["explanation"] for one, read in kept.items()} == told
        assert all(read["stored"] for read in kept.values())
        until(lambda: server.health()["checks"]["shipper"]["backlog_records"] == 0, 60)
        assert server.health()["counters"].get("explanations_set_aside", 0) == 0
    database = open_database(url)
    with database.read() as connection:
        rows = connection.execute(text("SELECT count(*) FROM linear_contributions")).scalar_one()
        instances = connection.execute(text("SELECT sum(n) FROM predictions")).scalar_one()
    database.close()
    assert rows == instances >= sum(len(one["instances"]) for one in told.values())
