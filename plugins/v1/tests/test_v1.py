"""V1 over a real application: what TensorFlow Serving's and KServe's callers send, and what they read."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.callers import bearer, make_key

JSON = {"Content-Type": "application/json"}
LINE = "/v1/models/line"
ROWS = [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]


def settings(folder: Path, **more: str) -> dict[str, str]:
    models = {
        "line": linear_model(folder),
        "one": linear_model(folder, "one", x=2.0),
        "mute": linear_model(folder, "mute", explanation="no"),
        "broken": linear_model(folder, "broken", fail=1.0),
    }
    return settings_of(folder, models=models, **more) | {"mlserve.plugins": "mlserve_linear v1"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(settings(tmp_path_factory.mktemp("v1"), limits__body="4KiB", limits__instances="5")) as it:
        yield it


def predict(app: Served, body: Any, model: str = "line", verb: str = "predict", **more: Any) -> Any:
    return app.post_json(f"/v1/models/{model}:{verb}", body, **more)


@pytest.mark.parametrize(
    ("model", "body", "answer"),
    [
        ("line", {"instances": ROWS}, {"predictions": [1.0, 3.0]}),
        ("line", {"instances": [[1, 2], [3, 4]]}, {"predictions": [1.0, 3.0]}),
        ("line", {"signature_name": "serving_default", "instances": ROWS}, {"predictions": [1.0, 3.0]}),
        ("line", {"signature_name": "", "inputs": {"x": [1, 3], "y": [2, 4]}}, {"outputs": [1.0, 3.0]}),
        ("one", {"instances": [1.0, 2]}, {"predictions": [3.0, 5.0]}),
        ("one", {"instances": [[1.0], [2]]}, {"predictions": [3.0, 5.0]}),
        ("one", {"inputs": [1.0, 2.0]}, {"outputs": [3.0, 5.0]}),
        ("one", {"inputs": {"x": [1.0, 2.0]}}, {"outputs": [3.0, 5.0]}),
    ],
)
def test_rows_answer_rows_and_columns_answer_columns(
    app: Served, model: str, body: dict[str, Any], answer: dict[str, Any]
) -> None:
    got = predict(app, body, model)
    identity = got.headers["MLServe-Prediction-Id"]
    assert got.json == {**answer, "prediction_id": identity}
    assert got.headers["Content-Type"] == "application/json"
    kept = app.get(f"/api/v1/models/{model}/predictions/{identity}").json
    assert [row["value"] for row in kept["outputs"]] == next(iter(answer.values()))


@pytest.mark.parametrize(
    ("place", "asked"), [("", "alias:champion"), ("/versions/1", "version:1"), ("/labels/champion", "alias:champion")]
)
def test_a_version_and_a_label_are_asked_by_the_path(app: Served, place: str, asked: str) -> None:
    answer = app.post_json(f"{LINE}{place}:predict", {"instances": ROWS, "reference": "order 7"})
    kept = app.get(f"/api/v1/models/line/predictions/{answer.json['prediction_id']}").json
    assert (kept["asked"], kept["reference"]) == (asked, "order 7")
    assert app.get(f"{LINE}{place}/metadata").json["model_spec"]["version"] == "1"
    assert app.get(f"{LINE}{place}").json["model_version_status"][0]["version"] == "1"


def test_the_status_has_the_words_of_both(app: Served) -> None:
    version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert app.get(LINE).json == {"name": "line", "ready": True, "model_version_status": [version]}
    assert app.get("/v1/models").json == {"models": ["broken", "line", "mute", "one"]}


def test_the_metadata_are_a_signature_of_tensorflow(app: Served) -> None:
    answer = app.get(f"{LINE}/metadata").json
    assert answer["model_spec"] == {"name": "line", "signature_name": "", "version": "1"}
    definition = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["inputs"]["x"] == {
        "dtype": "DT_DOUBLE",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
        "name": "x",
    }
    assert list(definition["outputs"]) == ["value"]
    assert definition["method_name"] == "tensorflow/serving/predict"


def test_explanations_come_with_the_predictions(app: Served) -> None:
    answer = predict(app, {"instances": ROWS}, verb="explain").json
    assert answer["predictions"] == [1.0, 3.0]
    assert [one["blocks"][0]["contributions"] for one in answer["explanations"]] == [
        {"x": 2.0, "y": -2.0},
        {"x": 6.0, "y": -4.0},
    ]
    assert (answer["method"], answer["scale"]) == ("terms", "value")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{LINE}:predict", "{", 400),
        ("POST", f"{LINE}:predict", "", 400),
        ("POST", f"{LINE}:predict", b'{"instances": ["\xff"]}', 400),
        ("POST", f"{LINE}:predict", b'{"instances": [[1, 2]], "reference": "\xff"}', 400),
        ("POST", f"{LINE}:predict", '{"instances": ' + "[" * 200 + "]" * 200 + "}", 400),
        ("POST", f"{LINE}:predict", '{"instances": [[NaN, 1]]}', 400),
        ("POST", f"{LINE}:predict", "[]", 422),
        ("POST", f"{LINE}:predict", "{}", 422),
        ("POST", f"{LINE}:predict", '{"instances": [], "inputs": {}}', 422),
        ("POST", f"{LINE}:predict", '{"instances": {}}', 422),
        ("POST", f"{LINE}:predict", '{"instances": null}', 422),
        ("POST", f"{LINE}:predict", '{"inputs": null}', 422),
        ("POST", f"{LINE}:predict", '{"inputs": {"x": 1, "y": 2}}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [1, 2]}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [{"x": 1}]}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [{"b64": "AAAA"}]}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [{"x": {"b64": "AAAA"}, "y": {"b64": 1}}]}', 422),
        ("POST", f"{LINE}:predict", '{"inputs": "b64", "instance": {"b64": 1}}', 422),
        ("POST", "/v1/models/one:predict", '{"instances": ["1"]}', 422),
        ("POST", "/v1/models/one:predict", '{"instances": [[1, 2]]}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [[1, 2]], "signature_name": "other"}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [[1, 2]], "signature_name": 7}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [[1, 2]], "speed": 1}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [[1, 2]], "reference": "' + "x" * 256 + '"}', 422),
        ("POST", f"{LINE}:predict", '{"instances": [[1,2],[1,2],[1,2],[1,2],[1,2],[1,2]]}', 413),
        ("POST", f"{LINE}:predict", '{"instances": [' + " " * 5000 + "]}", 413),
        ("POST", "/v1/models/none:predict", '{"instances": []}', 404),
        ("POST", f"{LINE}/versions/9:predict", '{"instances": []}', 404),
        ("POST", f"{LINE}/labels/none:predict", '{"instances": []}', 404),
        ("POST", f"{LINE}:classify", "{}", 404),
        ("POST", f"{LINE}/versions/1:regress", "{}", 404),
        ("POST", f"{LINE}:other", "{}", 404),
        ("GET", "/v1/models/none", "", 404),
        ("GET", "/v1/models/none/metadata", "", 404),
        ("GET", "/v1/models/line/versions/0", "", 404),
        ("GET", "/v1", "", 404),
        ("GET", f"{LINE}:predict", "", 405),
        ("POST", LINE, "{}", 405),
        ("POST", "/v1/models/mute:explain", '{"instances": [[1, 2]]}', 409),
        ("POST", "/v1/models/broken:predict", '{"instances": [[1]]}', 500),
    ],
)
def test_what_is_refused_is_one_text(app: Served, method: str, path: str, body: str | bytes, status: int) -> None:
    sent = body.encode() if isinstance(body, str) else body
    answer = app.request(path, method=method, body=sent, headers=JSON, status=status)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json.keys() == {"error"}
    assert isinstance(answer.json["error"], str)
    assert "secret" not in answer.json["error"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({"b64": "YWJj"}),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "b64", "z"]), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["instances", "inputs", "signature_name", "reference", "other"])


@given(st.dictionaries(MEMBERS, VALUES, max_size=3) | VALUES, st.sampled_from(["line", "one"]))
@settings_of_hypothesis(deadline=None)
def test_whatever_is_sent_is_answered_or_refused_in_one_shape(app: Served, body: Any, model: str) -> None:
    answer = app.post(f"/v1/models/{model}:predict", json.dumps(body).encode(), headers=JSON, status="*")
    assert answer.status_int in (200, 400, 413, 422), answer.text
    if answer.status_int == 200:
        kept = app.get(f"/api/v1/models/{model}/predictions/{answer.json.pop('prediction_id')}").json["outputs"]
        assert next(iter(answer.json.values())) == [row["value"] for row in kept]
    else:
        assert answer.json.keys() == {"error"}


def test_the_text_says_where_and_what(app: Served) -> None:
    told = predict(app, {"instances": [{"x": 1, "y": 2}, {"x": "a", "y": 2}]}, status=422).json["error"]
    assert "instance 1, 'x': expected" in told
    assert '"a"' in told


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([[1, 2]], "/inputs: expected"),
        ({"x": 1, "y": [1]}, "'x': expected"),
    ],
)
def test_what_is_wrong_with_columns_is_told_of_the_member_that_was_sent(app: Served, inputs: Any, told: str) -> None:
    error = predict(app, {"inputs": inputs}, status=422).json["error"]
    assert told in error
    assert "/columns" not in error


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{LINE}/predict", f"behind a colon, {LINE}:predict."),
        (f"{LINE}/versions/1/explain", f"behind a colon, {LINE}/versions/1:explain."),
        ("/v1/nothing", "GET /v1/models lists the models"),
    ],
)
def test_an_address_of_nothing_says_which_was_meant(app: Served, path: str, told: str) -> None:
    assert told in app.post_json(path, {}, status=404).json["error"]


def test_curl_says_that_json_is_a_form_and_a_page_elsewhere_may_not(app: Served) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = json.dumps({"instances": ROWS})
    assert app.post(f"{LINE}:predict", body, headers=form).json["predictions"] == [1.0, 3.0]
    for kind in (form, {"Content-Type": ""}):
        elsewhere = {**kind, "Origin": "https://elsewhere.example"}
        assert "another site" in app.post(f"{LINE}:predict", body, headers=elsewhere, status=415).json["error"]
    assert app.post(f"{LINE}:predict", body, headers={"Content-Type": "text/plain"}, status=415).json["error"]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_a_program_is_told_that_the_server_lives_and_a_person_is_shown_a_page(app: Served, accept: str | None) -> None:
    headers = {} if accept is None else {"Accept": accept}
    assert app.get("/", headers=headers).json == {"status": "alive"}
    page = app.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.content_type == "text/html"


def test_an_idempotency_key_is_answered_once(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        for verb in ("predict", "explain"):
            headers = {"Idempotency-Key": verb}
            first, second = (predict(app, {"instances": ROWS}, verb=verb, headers=headers) for _ in range(2))
            assert second.headers["Idempotency-Replayed"] == "true"
            assert second.json == first.json


def test_keys_are_asked_for(tmp_path: Path) -> None:
    with serving(settings(tmp_path, auth__enabled="true")) as app:
        assert predict(app, {"instances": ROWS}, status=401).json["error"]
        mine = bearer(make_key(app.application, "predict", models=["line"]))
        assert predict(app, {"instances": ROWS}, headers=mine).json["predictions"] == [1.0, 3.0]
        assert predict(app, {"instances": [1]}, "one", headers=mine, status=403).json["error"]
        assert app.get("/v1/models", headers=mine).json == {"models": ["line"]}
        assert app.get(LINE, headers=mine).json["ready"] is True
        assert app.get("/v1/models/one", headers=mine, status=403).json["error"]
        assert app.get("/").json == {"status": "alive"}


def test_of_several_outputs_each_has_a_name_and_base64_stands_for_a_text(tmp_path: Path) -> None:
    packed = {"b64": base64.b64encode("Zürich".encode()).decode()}
    model = tmp_path / "echo.texts"
    model.write_text('{"categories": ["city", "river"]}')
    settings = settings_of(tmp_path, models={"echo": model}) | {"mlserve.plugins": "mlserve_texts v1"}
    answers = [{"text": "Zürich", "kind": "city"}]
    with serving(settings) as app:
        for sent in ("Zürich", packed):
            rows = [{"text": sent, "kind": "city"}]
            assert predict(app, {"instances": rows}, "echo").json["predictions"] == answers
            assert predict(app, {"instances": [[sent, "city"]]}, "echo").json["predictions"] == answers
            columns = {"text": [sent], "kind": ["city"]}
            told = predict(app, {"inputs": columns}, "echo").json["outputs"]
            assert told == {"text": ["Zürich"], "kind": ["city"]}
        broken = {"b64": "no base64"}
        predict(app, {"instances": [[broken, "city"]]}, "echo", status=422)
