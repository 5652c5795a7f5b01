"""Whatever is wrong with a request: a 4xx in the one problem shape, and nothing in the log."""

from pathlib import Path
from typing import Any

import pytest

from tests.factories import Served, linear_model, serving, settings_of

URL = "/api/v1/models/line/predictions"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("bad")
    models = {"line": linear_model(folder)}
    with serving(
        settings_of(folder, models=models, limits__body="2KiB", limits__instances="5", limits__problems="3")
    ) as it:
        yield it


def send(app: Served, body: bytes | str, status: int, **headers: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    answer = app.post(URL, body, headers=headers, status=status)
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert app.get(URL).json["predictions"] == []
    return problem


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "unreadable"),
        ("{", "unreadable"),
        ("{'x': 1}", "unreadable"),
        (b'{"instances": [[1, 2]], "reference": "\xff"}', "unreadable"),
        ('{"instances": [[NaN, 2]]}', "unreadable"),
        ('{"instances": ' + "[" * 200 + "]" * 200 + "}", "unreadable"),
    ],
)
def test_what_cannot_be_read_is_400(app: Served, body: bytes | str, code: str) -> None:
    assert send(app, body, 400)["code"] == code


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ("[]", "", "type"),
        ("{}", "", "required"),
        ('{"instances": [[1, 2]], "columns": {"x": [1], "y": [2]}}', "", "required"),
        ('{"instances": [[1, 2]], "colums": 1}', "/colums", "unknown_field"),
        ('{"instances": [[1, 2]], "reference": 7}', "/reference", "type"),
        ('{"instances": [[1, 2]], "parameters": {"speed": 1}}', "/parameters/speed", "unknown_field"),
        ('{"instances": [{"x": "1", "y": 2}]}', "/instances/0/x", "type"),
        ('{"instances": [{"x": true, "y": 2}]}', "/instances/0/x", "type"),
        ('{"instances": [{"x": 1}]}', "/instances/0/y", "required"),
        ('{"columns": {"x": [1, null], "y": [2, 3]}}', "/columns/x/1", "null"),
    ],
)
def test_what_breaks_envelope_or_signature_is_422_and_points_at_it(
    app: Served, body: str, pointer: str, code: str
) -> None:
    problem = send(app, body, 422)
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in problem["errors"]]


def test_all_problems_come_at_once_up_to_the_limit(app: Served) -> None:
    problem = send(app, '{"instances": [{"x": "1", "z": 1}], "referenc": "a"}', 422)
    assert {error["field"] for error in problem["errors"]} <= {"x", "y", "z", "referenc"}
    assert len(problem["errors"]) == 3
    assert problem["more"] is True


def test_too_many_instances_and_too_many_bytes_are_413(app: Served) -> None:
    assert send(app, '{"instances": [[1,2],[1,2],[1,2],[1,2],[1,2],[1,2]]}', 413)["code"] == "too_large"
    assert send(app, '{"instances": [' + " " * 3000 + "[1,2]]}", 413)["code"] == "too_large"


def test_media_types_are_held_to(app: Served) -> None:
    assert send(app, "x=1", 415, Content_Type="application/x-www-form-urlencoded")["code"] == "unsupported_media_type"
    assert send(app, '{"instances":[[1,2]]}', 406, Accept="text/html")["code"] == "not_acceptable"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "color=red", "since=yesterday", "limit=1&limit=2", "reference=%ff"]
)
def test_a_bad_query_parameter_is_400(app: Served, query: str) -> None:
    problem = app.get(f"{URL}?{query}", status=400).json
    assert problem["code"] == "unreadable"


def test_a_path_that_is_not_utf8_is_400(app: Served) -> None:
    assert app.get("/api/v1/models/%ff", status=400).json["code"] == "unreadable"


def test_an_address_that_is_not_there_is_404(app: Served) -> None:
    assert app.get("/nothing", status=404).json["code"] == "not_found"
    assert app.get("/api/v1/models/line/nothing", status=404).json["code"] == "not_found"
