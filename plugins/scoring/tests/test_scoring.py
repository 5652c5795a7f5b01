"""Scoring over a real application: what MLflow's and SageMaker's callers send, and what they read."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from mlserve.api.inflating import END_UNPROVED
from mlserve.errors import ConfigurationError
from mlserve_scoring.choosing import ALIAS, MODEL, misnamed
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.callers import bearer, make_key

CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}
RECORDS = [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]
SPLIT = {"index": [0, 1], "columns": ["y", "x"], "data": [[2.0, 1.0], [4.0, 3.0]]}


def settings(folder: Path, model: str = "line", **more: str) -> dict[str, str]:
    models = {"line": linear_model(folder), "one": linear_model(folder, "one", x=2.0)}
    more = {"scoring__model": model} | more if model else more
    return settings_of(folder, models=models, **more) | {"mlserve.plugins": "mlserve_linear scoring"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("scoring")
    with serving(settings(folder, limits__body="4KiB", limits__instances="5")) as it:
        yield it


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": {"columns": [0, 1], "data": [[1.0, 2.0], [3.0, 4.0]]}},
        {"dataframe_split": {"data": [[1.0, 2.0], [3.0, 4.0]]}, "params": {}},
        {"dataframe_records": RECORDS, "params": None},
        {"instances": RECORDS},
        {"instances": [[1.0, 2.0], [3.0, 4.0]]},
        {"inputs": RECORDS},
        {"inputs": {"x": [1.0, 3.0], "y": [2.0, 4.0]}},
    ],
)
def test_each_form_of_json_is_answered(app: Served, body: dict[str, Any]) -> None:
    for content_type in ("application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'):
        answer = app.post_json("/invocations", body, headers={"Content-Type": content_type})
        identity = answer.headers["MLServe-Prediction-Id"]
        assert answer.json == {"predictions": [1.0, 3.0], "prediction_id": identity}
    assert app.get(f"/api/v1/models/line/predictions/{identity}").json["inputs"] == RECORDS


@pytest.mark.parametrize(
    "body",
    [
        "x,y\n1,2\n3,4\n",
        "y,x\r\n2,1\r\n4,3\r\n",
        ",x,y\n0,1,2\n1,3,4\n",
        "\ufeffx,y\n1,2\n3,4",
        "1,2\n3,4\n",
        '"1","2"\n\n3,4\n',
    ],
)
def test_a_table_is_answered(app: Served, body: str) -> None:
    for content_type in ("text/csv", "text/csv; charset=utf-8", "text/csv; header=present"):
        answer = app.post("/invocations", body.encode(), headers={"Content-Type": content_type})
        assert answer.json["predictions"] == [1.0, 3.0]


def test_a_table_answers_who_wants_one(app: Served) -> None:
    app.post("/invocations", "1,2\n3,4\n", headers=CSV, extra_environ={END_UNPROVED: True}, status=411)
    answer = app.post("/invocations", "1,2\n3,4\n", headers={**CSV, "Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text == "1.0\n3.0\n"
    assert answer.headers["MLServe-Prediction-Id"]


def test_a_compressed_body_is_read(app: Served) -> None:
    answer = app.post("/invocations", gzip.compress(b"1,2\n3,4\n"), headers={**CSV, "Content-Encoding": "gzip"})
    assert answer.json["predictions"] == [1.0, 3.0]


def test_a_model_of_the_path_answers_for_itself(app: Served) -> None:
    assert app.post_json("/models/one/invoke", {"instances": [1.0, 2.0]}).json["predictions"] == [3.0, 5.0]
    assert app.post_json("/models/none/invoke", {"instances": [1.0]}, status=404).json["message"]
    assert app.get("/models/one", headers={"Accept": "text/html"}).content_type == "text/html"


def until_ready(app: Served) -> None:
    """A process is ready once each health check has run."""
    until(lambda: app.get("/health/ready", status="*").status_int == 200)


def test_it_says_whether_it_can_answer(app: Served, tmp_path: Path) -> None:
    until_ready(app)
    for address in ("/ping", "/health"):
        answer = app.get(address)
        assert (answer.status_int, answer.body) == (200, b"")
    assert app.get("/version").text.count(".") >= 1
    assert app.get("/health/ready").json["status"] == "ok"
    with serving(settings(tmp_path, model="none")) as other:
        until_ready(other)
        assert other.get("/ping", status=404).json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    models = {"line": linear_model(tmp_path)}
    with serving(settings_of(tmp_path / "b", models=models) | {"mlserve.plugins": "mlserve_linear scoring"}) as other:
        until_ready(other)
        assert other.get("/ping").body == b""
        other.application.health.stop()
        other.application.live.remove("line")
        answer = other.post_json("/invocations", {"instances": [[1, 2]]}, status=404)
        assert "mlserve.scoring.model says which" in answer.json["message"]


def test_a_process_that_is_not_ready_says_so_whichever_model_answers(tmp_path: Path) -> None:
    def fail() -> dict[str, Any]:
        raise RuntimeError

    with serving(settings(tmp_path), lambda config: config.add_health_check("vault", fail)) as app:
        until(lambda: app.get("/health/ready", status="*").json["checks"]["vault"]["state"] == "failed")
        assert app.post_json("/invocations", {"instances": [[1, 2]]}).json["predictions"] == [1.0]
        for address in ("/ping", "/health"):
            assert app.get(address, status=503).json["error_code"] == "TEMPORARILY_UNAVAILABLE"


def test_a_cell_that_is_too_long_for_a_table_is_told_so(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        answer = app.post("/invocations", "x,y\n" + "1" * 131_073 + ",2\n", headers=CSV, status=413)
        assert answer.json["message"].startswith("A cell of the table has more than 131,072 characters: send such")


def test_missing_numbers_of_pandas_are_read(tmp_path: Path) -> None:
    """They are what `json.dumps` makes of them, which is no JSON; null is the same."""
    model = linear_model(tmp_path)
    model.with_name(f"{model.name}.signature.json").write_text(
        '{"inputs": [{"name": "x", "type": "float64", "nullable": true}, {"name": "y", "type": "float64"}]}'
    )
    settings = settings_of(tmp_path, models={"line": model}) | {"mlserve.plugins": "mlserve_linear scoring"}
    with serving(settings) as app:
        for missing in ("NaN", "null"):
            body = f'{{"dataframe_split": {{"columns": ["x", "y"], "data": [[{missing}, 2.5], [3, 4]]}}}}'
            answer = app.post("/invocations", body, headers=JSON).json
            assert answer["predictions"] == [None, 3.0]
            kept = app.get(f"/api/v1/models/line/predictions/{answer['prediction_id']}").json
            assert kept["inputs"] == [{"x": None, "y": 2.5}, {"x": 3.0, "y": 4.0}]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/invocations", "{", JSON, 400),
        ("POST", "/invocations", "", JSON, 400),
        ("POST", "/invocations", "NaN", JSON, 422),
        ("POST", "/invocations", '{"instances": [[NaN, Infinity]]}', JSON, 400),
        ("POST", "/invocations", '{"instances": [[NaN, 1e999]]}', JSON, 400),
        ("POST", "/invocations", '{"instances": [[NaN, "\\ud800"]]}', JSON, 400),
        ("POST", "/invocations", '{"instances": [[NaN, 1]]}', JSON, 422),
        ("POST", "/invocations", '{"instances": [NaN, ' + "[" * 500 + "]" * 500 + "]}", JSON, 400),
        ("POST", "/invocations", "[]", JSON, 422),
        ("POST", "/invocations", "{}", JSON, 422),
        ("POST", "/invocations", '{"instances": [[1, 2]], "inputs": [[1, 2]]}', JSON, 422),
        ("POST", "/invocations", '{"instances": [[1, 2]], "params": {"speed": 1}}', JSON, 422),
        ("POST", "/invocations", '{"instances": [[1, 2]], "more": 1}', JSON, 422),
        ("POST", "/invocations", '{"instances": [["1", 2]]}', JSON, 422),
        ("POST", "/invocations", '{"dataframe_split": []}', JSON, 422),
        ("POST", "/invocations", '{"dataframe_split": {"columns": ["x"]}}', JSON, 422),
        ("POST", "/invocations", '{"dataframe_split": {"columns": ["x", "y"], "data": [[1]]}}', JSON, 422),
        ("POST", "/invocations", '{"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}}', JSON, 422),
        ("POST", "/invocations", '{"dataframe_split": {"columns": ["x", "z"], "data": [[1, 2]]}}', JSON, 422),
        ("POST", "/invocations", '{"dataframe_split": {"columns": [], "data": [[1, 2, 3]]}}', JSON, 422),
        ("POST", "/invocations", b'{"dataframe_split": {"columns": ["\xff"], "data": [[1]]}}', JSON, 400),
        ("POST", "/invocations", b'{"dataframe_split": {"columns": ["x", "y"], "data": [[1, "\xff"]]}}', JSON, 400),
        ("POST", "/invocations", b"\xff,y\n1,2", CSV, 400),
        ("POST", "/invocations", '"x,y\n1,2', CSV, 400),
        ("POST", "/invocations", "x,y\n1\n", CSV, 422),
        ("POST", "/invocations", "x,x\n1,1\n", CSV, 422),
        ("POST", "/invocations", "x,y\n1,a\n", CSV, 422),
        ("POST", "/invocations", "", CSV, 422),
        ("POST", "/invocations", "1,2\n" * 6, CSV, 413),
        ("POST", "/invocations", " " * 5000, CSV, 413),
        ("POST", "/invocations", "x", {"Content-Type": "application/x-npy"}, 415),
        ("POST", "/invocations", "x", {"Content-Type": "application/json; charset=latin-1"}, 415),
        ("POST", "/invocations", "1,2", {**CSV, "Accept": "image/png"}, 406),
        ("POST", "/invocations", "{}", {"Content-Type": "", "Origin": "https://elsewhere.example"}, 415),
        ("GET", "/invocations", "", {}, 405),
        ("POST", "/ping", "", {}, 405),
        ("GET", "/models/one/invoke", "", {}, 405),
    ],
)
def test_what_is_refused_is_told_as_mlflow_tells_it(
    app: Served, method: str, path: str, body: str | bytes, headers: dict[str, str], status: int
) -> None:
    sent = body.encode() if isinstance(body, str) else body
    answer = app.request(path, method=method, body=sent, headers=headers, status=status)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json.keys() == {"error_code", "message"}
    assert all(isinstance(value, str) and value for value in answer.json.values())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "z"]), inner, max_size=3),
    max_leaves=8,
)
SPLITS = st.fixed_dictionaries(
    {}, optional={"columns": st.lists(st.sampled_from(["x", "y", "z", 0, None])), "data": VALUES, "index": VALUES}
)
MEMBERS = st.sampled_from(["instances", "inputs", "dataframe_records", "params", "other"])
BODIES = (
    st.dictionaries(MEMBERS, VALUES, max_size=2) | st.fixed_dictionaries({"dataframe_split": SPLITS | VALUES}) | VALUES
)


@given(BODIES)
@settings_of_hypothesis(deadline=None)
def test_whatever_json_is_sent_is_answered_or_refused_in_one_shape(app: Served, body: Any) -> None:
    refused_or_kept(app, app.post("/invocations", json.dumps(body).encode(), headers=JSON, status="*"))


@given(st.text(st.sampled_from('xy,z\n\r"01. \0-eé'), max_size=30).map(str.encode) | st.binary(max_size=20))
@settings_of_hypothesis(deadline=None)
def test_whatever_table_is_sent_is_answered_or_refused_in_one_shape(app: Served, body: bytes) -> None:
    refused_or_kept(app, app.post("/invocations", body, headers=CSV, status="*"))


def refused_or_kept(app: Served, answer: Any) -> None:
    assert answer.status_int in (200, 400, 413, 422), answer.text
    if answer.status_int == 200:
        kept = app.get(f"/api/v1/models/line/predictions/{answer.json['prediction_id']}").json["outputs"]
        assert answer.json["predictions"] == [row["value"] for row in kept]
    else:
        assert answer.json.keys() == {"error_code", "message"}


def test_of_several_models_the_ini_names_one(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"mlserve.scoring.model is not set, .* which one of line, one answers"),
        serving(settings(tmp_path, model="")),
    ):
        pass


def test_an_alias_may_answer(tmp_path: Path) -> None:
    with serving(settings(tmp_path, scoring__alias="challenger")) as app:
        assert "challenger" in app.post_json("/invocations", {"instances": [[1, 2]]}, status=404).json["message"]


@pytest.mark.parametrize(
    ("model", "alias", "told"),
    [
        ("lien", "champion", ["mlserve.scoring.model names 'lien', which is no model here; did you mean 'line'?"]),
        ("line", "b", ["mlserve.scoring.alias names 'b', which is no alias of the model 'line': it has champion."]),
        ("one", "b", ["mlserve.scoring.alias names 'b', which is no alias of the model 'one': it has none."]),
        ("one", "champion", []),
        ("", "champion", []),
    ],
)
def test_names_of_nothing_are_told(model: str, alias: str, told: list[str]) -> None:
    assert misnamed({MODEL: model, ALIAS: alias}, {"line": {"champion": None}, "one": {}}) == told


def test_readiness_names_what_is_no_model(tmp_path: Path) -> None:
    with serving(settings(tmp_path, model="lien")) as app:
        until(lambda: app.get("/health/ready").json["checks"]["models"]["state"] == "degraded")
        (told,) = app.get("/health/ready", status=200).json["checks"]["models"]["settings"]
        assert "mlserve.scoring.model names 'lien'" in told


def test_keys_are_asked_for(tmp_path: Path) -> None:
    with serving(settings(tmp_path, auth__enabled="true")) as app:
        assert (
            app.post_json("/invocations", {"instances": [[1, 2]]}, status=401).json["error_code"] == "UNAUTHENTICATED"
        )
        mine = bearer(make_key(app.application, "predict", models=["line"]))
        other = bearer(make_key(app.application, "predict", models=["one"], name="other"))
        assert app.post_json("/invocations", {"instances": [[1, 2]]}, headers=mine).json["predictions"] == [1.0]
        refused = app.post_json("/invocations", {"instances": [[1, 2]]}, headers=other, status=403)
        assert refused.json["error_code"] == "PERMISSION_DENIED"
        until_ready(app)
        assert app.get("/ping").body == b""
