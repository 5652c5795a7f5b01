"""A prediction's way through the real application, on every log way."""

from pathlib import Path

import pytest

from tests.factories import Served, linear_model, serving, settings_of


@pytest.fixture(params=["sql", "process"])
def app(tmp_path: Path, request: pytest.FixtureRequest):
    models = {"line": linear_model(tmp_path)}
    with serving(settings_of(tmp_path, models=models, log__way=request.param)) as served:
        yield served


def test_an_answer_names_its_id_version_and_outputs(app: Served) -> None:
    answer = app.predict("line", [{"x": 1.0, "y": 2.0}, {"x": 0, "y": 0}])
    assert answer.json["outputs"] == [{"value": 1.0}, {"value": 1.0}]
    assert (answer.json["model"], answer.json["version"], answer.json["alias"]) == ("line", 1, "champion")
    assert answer.headers["Content-Location"] == f"/api/v1/models/line/predictions/{answer.json['id']}"


def test_a_prediction_just_answered_reads_back_with_its_lineage(app: Served) -> None:
    made = app.predict("line", [[1.5, 2.0]], reference="order 7")
    read = app.get(made.headers["Content-Location"]).json
    assert read["inputs"] == [{"x": 1.5, "y": 2.0}]
    assert read["outputs"] == made.json["outputs"]
    assert read["reference"] == "order 7"
    assert read["request_id"] == made.headers["X-Request-Id"]
    assert read["lineage"]["library"] == "arithmetic 1"
    assert read["lineage"]["digest"] == app.get("/api/v1/models/line").json["digest"]
    assert read["actuals"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]},
        {"instances": [[1, 2], [3, 4]]},
        {"columns": {"x": [1, 3], "y": [2, 4]}},
    ],
)
def test_every_form_of_a_body_gives_the_same_answer_and_the_same_record(app: Served, body: dict[str, object]) -> None:
    made = app.post_json("/api/v1/models/line/predictions", body)
    assert made.json["outputs"] == [{"value": 1.0}, {"value": 3.0}]
    assert app.get(made.headers["Content-Location"]).json["inputs"] == [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]


def test_an_unknown_model_and_an_unknown_prediction_have_their_own_problems(app: Served) -> None:
    missing = app.predict("no-such", [[1, 2]], status=404)
    assert missing.json["code"] == "model_unknown"
    assert missing.content_type == "application/problem+json"
    other = app.get("/api/v1/models/line/predictions/018f0000-0000-7000-8000-000000000000", status=404)
    assert other.json["code"] == "prediction_unknown"
    assert app.get("/api/v1/models/line/predictions/nonsense", status=404).json["code"] == "prediction_unknown"


def test_a_method_that_is_not_there_is_405_and_says_what_is(app: Served) -> None:
    refused = app.put_json("/api/v1/models/line/predictions", {}, status=405)
    assert refused.json["code"] == "method_not_allowed"
    assert {"GET", "POST"} <= set(refused.headers["Allow"].replace(" ", "").split(","))


def test_a_request_id_is_taken_over_when_it_is_a_plain_word(app: Served) -> None:
    url = "/api/v1/models/line"
    assert app.get(url, headers={"X-Request-Id": "order-7"}).headers["X-Request-Id"] == "order-7"
    assert app.get(url, headers={"X-Request-Id": "a b\x7f"}).headers["X-Request-Id"] != "a b\x7f"


def test_models_are_listed_and_described_with_their_signature(app: Served) -> None:
    (listed,) = app.get("/api/v1/models").json["models"]
    described = app.get(listed["url"]).json
    assert described["signature"]["inputs"] == [{"name": "x", "type": "float64"}, {"name": "y", "type": "float64"}]
    assert described["state"] == "ready"
    assert set(described["provenance"]) == {"artefact", "created_at"}
    assert set(described["resources"]) == {"predictions", "review"}


def test_a_list_comes_in_pages_by_number_and_by_size(tmp_path: Path) -> None:
    models = {"line": linear_model(tmp_path)}
    with serving(settings_of(tmp_path, models=models, limits__body="1KiB")) as served:
        ids = [served.predict("line", [[n, 0]] * 30).json["id"] for n in range(5)]
        url, seen, pages = "/api/v1/models/line/predictions", [], 0
        cursor = ""
        while cursor is not None:
            page = served.get(f"{url}?limit=4" + (f"&cursor={cursor}" if cursor else "")).json
            seen += [prediction["id"] for prediction in page["predictions"]]
            cursor, pages = page["next"], pages + 1
        assert seen == ids[::-1]
        assert pages == 3
        assert len(served.get(url + "?limit=1").json["predictions"]) == 1
