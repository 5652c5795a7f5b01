"""Kept predictions in the media type that the caller takes: JSON, which is exact, or CSV for spreadsheets."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlserve.predictions.kept import LARGE
from mlserve.predictions.one_at_a_time import OneAtATime
from tests.factories import Served, linear_model, serving, settings_of

URL = "/api/v1/models/line/predictions"
CSV = {"Accept": "text/csv"}
FIXED = ["id", "model", "version", "alias", "created_at", "instance", "caller", "reference"]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)})) as served:
        yield served


def table(answer: Any) -> list[dict[str, str]]:
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def test_a_list_is_a_table_with_a_row_an_instance(app: Served) -> None:
    first = app.predict("line", [[0.1, 2], [1e-7, -0.0]], reference='a, "b"\nc').json
    second = app.predict("line", [[5, 6]]).json
    answer = app.get(URL, headers=CSV)
    rows = table(answer)
    assert list(rows[0]) == [*FIXED, "input.x", "input.y", "output.value"]
    assert [(row["id"], row["instance"]) for row in rows] == [
        (second["id"], "0"),
        (first["id"], "0"),
        (first["id"], "1"),
    ]
    assert (rows[1]["reference"], rows[0]["reference"]) == ('a, "b"\nc', "")
    assert (rows[1]["model"], rows[1]["version"], rows[1]["alias"], rows[1]["caller"]) == ("line", "1", "champion", "")
    exact = app.get(first["id"] and f"{URL}/{first['id']}").text
    assert f'"x":{rows[2]["input.x"]},"y":{rows[2]["input.y"]}' in exact
    assert rows[1]["created_at"] == json.loads(exact)["created_at"]
    assert answer.body.endswith(b"\r\n")
    assert answer.headers["Vary"] == "Accept"


def test_one_prediction_is_a_table_too(app: Served) -> None:
    made = app.predict("line", [[1, 2], [3, 4]])
    rows = table(app.get(made.headers["Content-Location"], headers=CSV))
    assert [row["output.value"] for row in rows] == ["1.0", "3.0"]
    assert table(app.get(f"{URL}?reference=none", headers=CSV)) == []
    empty = app.get(f"{URL}?reference=none", headers=CSV).text
    assert empty == ",".join([*FIXED, "input.x", "input.y", "output.value"]) + "\r\n"


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_the_next_page_is_a_link(app: Served, accept: str) -> None:
    made = [app.predict("line", [[number, 0]], reference="a b&c").json["id"] for number in range(5)]
    url, seen = f"{URL}?limit=2&reference=a%20b%26c", []
    while url:
        answer = app.get(url, headers={"Accept": accept})
        if accept == "text/csv":
            seen += [row["id"] for row in table(answer)]
        else:
            seen += [one["id"] for one in answer.json["predictions"]]
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        url = link.partition(">")[0].removeprefix("<")
        assert urlsplit(url).path in ("", URL)
    assert seen == made[::-1]


def test_a_head_request_says_what_a_get_would(app: Served) -> None:
    app.predict("line", [[1, 2]])
    for accept in ("application/json", "text/csv"):
        got, head = (call(URL, headers={"Accept": accept}) for call in (app.get, app.head))
        assert head.body == b""
        for name in ("Content-Type", "Content-Length", "Vary"):
            assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("text/html, text/csv;q=0.9, */*;q=0.1", "text/csv"),
        ("text/csv;q=0.1, application/json;q=0.9", "application/json"),
        ("text/csv, application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/problem+json", "application/json"),
    ],
)
def test_the_caller_chooses_by_quality(app: Served, accept: str, given: str) -> None:
    assert app.get(URL, headers={"Accept": accept}).content_type == given


def test_no_other_type_is_answered_and_an_error_is_always_a_problem(app: Served) -> None:
    for url, accept, status in (
        (URL, "application/xml", 406),
        (f"{URL}?limit=0", "text/csv", 400),
        (f"{URL}/no-such-id", "text/csv", 404),
        ("/api/v1/models/lin/predictions", "text/csv", 404),
    ):
        answer = app.get(url, headers={"Accept": accept}, status=status)
        assert answer.content_type == "application/problem+json"


def test_a_new_prediction_is_answered_as_the_caller_likes_best(app: Served) -> None:
    body = {"instances": [[1, 2]]}
    assert app.post_json(URL, body, headers={"Accept": "image/png"}, status=406).json["code"] == "not_acceptable"
    both = app.post_json(URL, body, headers={"Accept": "text/csv;q=0.1, application/json"})
    assert both.content_type == "application/json"
    assert len(app.get(URL).json["predictions"]) == 1


def test_what_was_not_kept_is_an_empty_cell_and_no_text_is_a_formula(tmp_path: Path) -> None:
    path = linear_model(tmp_path, x=1.0, hidden=1.0, hashed=1.0, gone=1.0)
    fields = [
        {"name": "hidden", "keep": "omit"},
        {"name": "hashed", "keep": "hash"},
        {"name": "gone", "nullable": True},
    ]
    path.with_name(path.name + ".signature.json").write_text(json.dumps({"inputs": fields}))
    with serving(settings_of(tmp_path, models={"line": path})) as app:
        made = app.predict("line", [[-1, 2, 3, None]], reference="=HYPERLINK(1)")
        (row,) = table(app.get(made.headers["Content-Location"], headers=CSV))
        kept = app.get(made.headers["Content-Location"]).json
    assert list(row) == [*FIXED, "input.x", "input.hidden", "input.hashed", "input.gone", "output.value"]
    assert (row["input.x"], row["input.hidden"], row["input.gone"], row["output.value"]) == ("-1.0", "", "", "")
    assert row["input.hashed"] == kept["inputs"][0]["hashed"]
    assert row["reference"] == "'=HYPERLINK(1)"
    assert kept["reference"] == "=HYPERLINK(1)"


def test_the_columns_of_several_versions_are_all_there_in_order(tmp_path: Path) -> None:
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path, x=1.0, y=1.0)})) as app:
        app.predict("line", [{"x": 1, "y": 2}])
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path, z=1.0, y=1.0)})) as app:
        app.predict("line", [{"z": 3, "y": 4}])
        rows = table(app.get(URL, headers=CSV))
    assert list(rows[0])[len(FIXED) :] == ["input.x", "input.y", "input.z", "output.value"]
    assert [(row["version"], row["input.x"], row["input.y"], row["input.z"]) for row in rows] == [
        ("2", "", "4.0", "3.0"),
        ("1", "1.0", "2.0", ""),
    ]


def test_a_large_table_waits_for_its_turn_and_nothing_else_does(app: Served) -> None:
    large = app.predict("line", [[1, 2]] * (LARGE + 1)).headers["Content-Location"]
    small = app.predict("line", [[1, 2]] * LARGE).headers["Content-Location"]
    page = f"/predictions/{large.rpartition('/')[2]}"
    app.application.one_table = OneAtATime("Other tables are being made; try again.", patience=0)
    with app.application.one_table.taken():
        for url in (large, f"{URL}?limit=2", page):
            refused = app.get(url, headers=CSV, status=503)
            assert refused.content_type == "application/problem+json"
            assert (refused.json["code"], refused.json["detail"]) == ("busy", "Other tables are being made; try again.")
            assert int(refused.headers["Retry-After"]) > 0
        assert len(table(app.get(small, headers=CSV))) == LARGE
        assert app.get(large).json["instances"] == LARGE + 1
    assert len(table(app.get(large, headers=CSV))) == LARGE + 1
    assert len(table(app.get(f"{URL}?limit=2", headers=CSV))) == 2 * LARGE + 1
