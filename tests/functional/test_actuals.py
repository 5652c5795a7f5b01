"""What really happened: single, in bulk, late, corrected, and checked against the version that answered."""

from pathlib import Path
from typing import Any

import pytest

from tests.factories import Served, linear_model, serving, settings_of


@pytest.fixture(params=["sql", "process"])
def app(tmp_path: Path, request: pytest.FixtureRequest):
    models = {"line": linear_model(tmp_path), "other": linear_model(tmp_path, name="other", z=1.0)}
    with serving(settings_of(tmp_path, models=models, log__way=request.param)) as served:
        yield served


@pytest.fixture
def made(app: Served) -> str:
    address: str = app.predict("line", [[1, 2], [3, 4]]).headers["Content-Location"]
    return address


def put(app: Served, address: str, values: Any, status: int = 200) -> dict[str, Any]:
    answer: dict[str, Any] = app.put_json(f"{address}/actuals", {"actuals": values}, status=status).json
    return answer


def test_actuals_are_stored_at_once_and_read_with_the_prediction(app: Served, made: str) -> None:
    stored = put(app, made, {"value": [1.5, None]})
    assert stored["revision"] == 1
    assert app.get(made).json["actuals"]["actuals"] == {"value": [1.5, None]}


def test_a_correction_is_a_new_revision_and_the_history_stays(app: Served, made: str) -> None:
    put(app, made, {"value": [1.5, None]})
    assert put(app, made, {"value": [1.25, 3.0]})["revision"] == 2
    revisions = app.get(f"{made}/actuals").json["revisions"]
    assert [(r["revision"], r["actuals"]["value"]) for r in revisions] == [(2, [1.25, 3.0]), (1, [1.5, None])]


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"value": [1.5]}, "/actuals/value", "length"),
        ({"value": 318}, "/actuals/value", "type"),
        ({"value": [1.5, "x"]}, "/actuals/value/1", "type"),
        ({"worth": [1.5, 2.5]}, "/actuals/worth", "unknown_field"),
        ({"worth": [1.5, 2.5], "value": [1, "x"]}, "/actuals/value/1", "type"),
        ({}, "/actuals", "empty"),
        ([1], "/actuals", "type"),
    ],
)
def test_what_does_not_fit_the_outputs_is_refused_with_a_pointer(
    app: Served, made: str, values: Any, pointer: str, code: str
) -> None:
    problem = put(app, made, values, status=422)
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in problem["errors"]]
    assert app.get(made).json["actuals"] is None


def test_actuals_of_an_unknown_prediction_or_of_another_model_s_are_404(app: Served, made: str) -> None:
    identity = made.rsplit("/", 1)[1]
    put(app, "/api/v1/models/line/predictions/018f0000-0000-7000-8000-000000000000", {"value": [1]}, status=404)
    assert put(app, f"/api/v1/models/other/predictions/{identity}", {"value": [1]}, status=404)["code"] == (
        "prediction_unknown"
    )


def test_bulk_answers_item_by_item(app: Served) -> None:
    ids = [app.predict("line", [[n, 0]]).json["id"] for n in range(3)]
    reports = [
        {"id": ids[0], "actuals": {"value": [0.5]}},
        {"id": ids[1], "actuals": {"value": ["?"]}},
        {"id": "018f0000-0000-7000-8000-000000000000", "actuals": {"value": [1]}},
        {"id": ids[2], "actuals": {"value": [2.5]}},
        "nonsense",
    ]
    answer = app.post_json("/api/v1/models/line/actuals", {"actuals": reports}).json
    assert (answer["stored"], answer["refused"]) == (2, 3)
    assert [item["stored"] for item in answer["results"]] == [True, False, False, True, False]
    assert answer["results"][1]["errors"][0]["pointer"] == "/actuals/value/0"
    assert answer["results"][2]["code"] == "prediction_unknown"


@pytest.mark.parametrize("body", [{}, {"actuals": []}, {"actuals": {}}, {"actuals": 1}, []])
def test_a_bulk_report_without_reports_is_422(app: Served, body: Any) -> None:
    assert app.post_json("/api/v1/models/line/actuals", body, status=422).json["code"] == "invalid"
