"""What the protocol tells of the server and its models, and what it does to them, in the real application."""

import json
from pathlib import Path

import pytest
from oip_requests import settings, tensor

import mlserve
from mlserve.testing import Served, serving
from tests.factories import until
from tests.functional.callers import bearer, make_key

BODY = {"inputs": [tensor("x", "FP64", [1], [1]), tensor("y", "FP64", [1], [1])]}


def test_the_server(app: Served) -> None:
    for path in ("/v2", "/v2/"):
        told = app.get(path).json
        assert told["name"] == "mlserve"
        assert told["version"] == mlserve.__version__
        assert {"binary_tensor_data", "model_repository", "statistics", "model_configuration"} <= {*told["extensions"]}
    assert app.get("/v2/health/live").json == {"live": True}
    until(lambda: app.get("/v2/health/ready", status="*").json == {"live": True, "ready": True})
    assert app.get("/v2/models").json == {"models": ["blob", "gaps", "line", "one", "scalars", "tensors"]}
    for path in ("/v2", "/v2/health/ready", "/v2/models/line/ready"):
        assert app.get(path).headers["Content-Type"] == "application/json"


def test_readiness_is_that_of_the_process(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        app.application.stop()
        found = app.get("/v2/health/ready", status=503)
        assert found.json == {"live": False, "ready": False}
        assert app.get("/v2/health/live").json == {"live": True}


@pytest.mark.parametrize("memory", ["systemsharedmemory", "cudasharedmemory"])
def test_there_is_no_shared_memory(app: Served, memory: str) -> None:
    assert app.get(f"/v2/{memory}/status").json == []
    app.get(f"/v2/{memory}/region/one/status", status=404)
    app.post_json(f"/v2/{memory}/region/one/register", {"key": "/one", "byte_size": 8}, status=409)
    app.post(f"/v2/{memory}/region/one/unregister", content_type="")
    app.post(f"/v2/{memory}/unregister", content_type="")


def test_there_are_no_traces_and_the_log_is_the_inis(app: Served) -> None:
    for path in ("/v2/trace/setting", "/v2/models/line/trace/setting"):
        assert app.get(path).json["trace_level"] == ["OFF"]
        app.post_json(path, {"trace_level": ["TIMESTAMPS"]}, status=409)
    app.get("/v2/models/none/trace/setting", status=404)
    assert app.get("/v2/logging").json["log_error"] is True
    app.post_json("/v2/logging", {"log_verbose_level": 1}, status=409)


def test_what_is_not_there_any_more_is_asked_by_number_while_another_alias_is_there(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        headers = {"If-None-Match": "*"}
        app.put_json("/api/v1/models/line/aliases/challenger", {"version": 1}, headers=headers)
        until(lambda: app.get("/v2/models/line/versions/challenger/ready", expect_errors=True).status_int == 200)
        app.post("/v2/repository/models/line/unload", content_type="")
        app.post_json("/v2/models/line/infer", BODY, status=503)
        for version in ("1", "challenger"):
            app.post_json(f"/v2/models/line/versions/{version}/infer", BODY)
        assert index(app)["line/1"] == "READY"
        app.delete("/api/v1/models/line/aliases/challenger", headers={"If-Match": '"1"'})
        app.post("/v2/repository/models/line/load", content_type="")
        app.post_json("/v2/models/line/infer", BODY)


def test_metadata(app: Served) -> None:
    told = app.get("/v2/models/tensors").json
    assert told["inputs"][0] == {"name": "grid", "datatype": "FP32", "shape": [-1, 2, 3]}
    assert told["inputs"][3] == {"name": "any", "datatype": "FP64", "shape": [-1, -1]}
    assert told["inputs"][4] == {"name": "names", "datatype": "BYTES", "shape": [-1, 2]}
    assert told["outputs"] == told["inputs"]
    assert told["versions"] == ["1"]
    assert all(isinstance(value, str) for value in told["properties"].values())
    assert app.get("/v2/models/line/versions/1").json["inputs"][0]["shape"] == [-1]


def test_configuration(app: Served) -> None:
    told = app.get("/v2/models/gaps/config").json
    assert told["max_batch_size"] == 10_000
    assert [(one["name"], one["data_type"], one["dims"], one["optional"]) for one in told["input"]] == [
        ("age", "TYPE_INT64", [1], False),
        ("ok", "TYPE_BOOL", [1], True),
        ("height", "TYPE_FP32", [1], False),
    ]
    words = app.get("/v2/models/tensors/versions/1/config").json["output"]
    assert (words[4]["data_type"], words[4]["dims"]) == ("TYPE_STRING", [2])
    assert words[3]["dims"] == [-1]


def test_statistics_count_what_the_metrics_count(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        app.post_json("/v2/models/line/infer", BODY)
        app.predict("line", [{"x": 1, "y": 2}, {"x": 1, "y": 2}])
        app.post_json("/v2/models/line/infer", {"inputs": BODY["inputs"][:1]}, status=400)
        for _ in range(2):
            app.post_json("/v2/models/line/infer", BODY, headers={"Idempotency-Key": "one"})
        (told,) = app.get("/v2/models/line/stats").json["model_stats"]
        assert (told["name"], told["version"]) == ("line", "1")
        assert told["inference_count"] == 4
        assert told["execution_count"] == 3
        stats = told["inference_stats"]
        assert {name: stats[name]["count"] for name in ("success", "fail", "cache_hit", "queue")} == {
            "success": 4,
            "fail": 1,
            "cache_hit": 1,
            "queue": 0,
        }
        assert stats["success"]["ns"] > stats["cache_hit"]["ns"] > 0
        assert stats["fail"]["ns"] > 0
        assert app.get("/v2/models/line/versions/1/stats").json["model_stats"] == [told]
        assert told in app.get("/v2/models/stats").json["model_stats"]
        app.get("/v2/models/line/versions/2/stats", status=404)
        app.get("/v2/models/none/stats", status=404)


def index(app: Served, **body: object) -> dict[str, str]:
    entries = app.post_json("/v2/repository/index", body).json
    return {f"{one['name']}/{one['version']}": one["state"] for one in entries}


def test_to_unload_a_model_takes_its_champion_away_and_to_load_it_gives_it_back(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        assert index(app)["line/1"] == "READY"
        app.post("/v2/repository/models/line/unload", content_type="")
        assert index(app)["line/1"] == "UNAVAILABLE"
        assert "line/1" not in index(app, ready=True)
        app.get("/v2/models/line/ready", status=404)
        app.post_json("/v2/models/line/infer", BODY, status=404)
        app.post_json("/v2/repository/models/line/unload", {"parameters": {"unload_dependents": False}})
        app.post_json("/v2/repository/models/line/load", {})
        assert app.get("/v2/models/line/ready").json == {"name": "line", "ready": True}
        app.post_json("/v2/models/line/infer", BODY)
        told = [(one["kind"], one["reason"]) for one in app.get("/api/v1/models/line/history").json["events"]]
        assert told[:2] == [
            ("alias_moved", "loaded through a protocol"),
            ("alias_removed", "unloaded through a protocol"),
        ]
        body, form = json.dumps({"parameters": {"version": "1"}}), "application/x-www-form-urlencoded"
        app.post("/v2/repository/models/line/load", body, content_type=form)
        elsewhere = {"Origin": "https://elsewhere.example"}
        app.post("/v2/repository/models/line/load", body, content_type=form, headers=elsewhere, status=415)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/repository/models/none/load", {}, 404),
        ("/v2/repository/models/none/unload", {}, 404),
        ("/v2/repository/models/line/load", {"parameters": {"config": "{}"}}, 409),
        ("/v2/repository/models/line/load", {"parameters": {"file:1/model": "AA=="}}, 409),
        ("/v2/repository/models/line/load", {"parameters": {"version": 9}}, 404),
        ("/v2/repository/models/line/load", {"parameters": 3}, 400),
        ("/v2/repository/models/line/unload", [], 400),
        ("/v2/repository/index", {"ready": "yes"}, 400),
    ],
)
def test_what_the_repository_refuses(app: Served, path: str, body: object, status: int) -> None:
    found = app.post(path, json.dumps(body), content_type="application/json", status=status)
    assert found.headers["Content-Type"] == "application/json"
    assert isinstance(found.json["error"], str)


def test_keys_and_roles(tmp_path: Path) -> None:
    with serving(settings(tmp_path, auth__enabled="true")) as app:
        until(lambda: app.get("/v2/health/ready", status="*").status_int == 200)
        for path in ("/v2", "/v2/health/live"):
            app.get(path)
        for path in ("/v2/models", "/v2/models/line", "/v2/models/line/ready", "/v2/models/stats"):
            found = app.get(path, status=401)
            assert found.headers["Content-Type"] == "application/json"
        predicts = bearer(make_key(app.application, "predict", name="caller"))
        app.get("/v2/models/line", headers=predicts)
        app.get("/v2/models/line/ready", headers=predicts)
        app.get("/v2/models/line/config", headers=predicts)
        app.post_json("/v2/models/line/infer", BODY, headers=predicts)
        app.post_json("/v2/repository/index", {}, headers=predicts, status=403)
        app.post_json("/v2/repository/models/line/unload", {}, headers=predicts, status=403)
        operates = bearer(make_key(app.application, "operate", name="operator"))
        app.post_json("/v2/repository/models/line/unload", {}, headers=operates)
