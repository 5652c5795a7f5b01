"""Predictions asked and answered as tables: Arrow streams and CSV, on a real application."""

import base64
import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from mlserve import testing
from mlserve.api.inflating import END_UNPROVED
from mlserve.predictions.forms import ARROW, CSV
from tests.factories import Served, linear_model, serving
from tests.functional.typed import typed_model
from tests.unit.arrow.streams import written
from tests.unit.signature.pictures import file_of

LINE = "/api/v1/models/line"
ALL = "/api/v1/models/all"
XY = pa.table({"y": [2.0, 4.0], "x": [1, 3]})
PICTURE = file_of(Image.new("RGB", (8, 5), (255, 255, 255)), "PNG")
COLUMNS = {
    "photo": pa.array([PICTURE, PICTURE]),
    "file": pa.array([b"abc\0", b""], pa.large_binary()),
    "files": pa.array([[b"x", b""], None], pa.list_(pa.binary())),
    "thumb": pa.nulls(2),
    "note": pa.array(["ü", None]),
    "half": pa.array([0.1, 2.0], pa.float32()),
    "big": pa.array([2**64 - 1, 0], pa.uint64()),
    "small": pa.array([None, -128], pa.int16()),
    "grid": pa.array([[[1, 2], [0.5, 0]], []], pa.list_(pa.list_(pa.float32(), 2))),
    "deep": pa.array([[[1, 2]], [[3], [4]]]),
    "place": pa.array(["Riga", "Oslo"]).dictionary_encode(),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tables")
    models = {"line": linear_model(folder), "all": typed_model(folder)}
    plugins = "mlserve_linear tests.functional.typed"
    settings = testing.settings_of(folder, plugins=plugins, models=models, limits__body="64KiB", limits__instances="50")
    with serving(settings) as served:
        yield served


def ask(app: Served, body: bytes, form: str, to: str = LINE, **how: Any) -> Any:
    headers = {"Content-Type": form} | how.pop("headers", {})
    return app.post(f"{to}/predictions{how.pop('query', '')}", body, headers=headers, **how)


def table_of(answer: Any) -> Any:
    assert answer.headers["Content-Type"] == ARROW
    return pa.ipc.open_stream(answer.body).read_all()


def as_json(table: Any) -> list[dict[str, Any]]:
    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value

    return [{name: plain(value) for name, value in row.items()} for row in table.to_pylist()]


@pytest.mark.parametrize("place", ["", "/aliases/champion", "/versions/1"])
def test_every_form_asks_and_every_form_answers(app: Served, place: str) -> None:
    bodies = {
        ARROW: written(XY),
        CSV: b"y,x\r\n2.0,1\r\n4,3\r\n",
        "application/json": json.dumps({"columns": {"x": [1, 3], "y": [2, 4]}}).encode(),
    }
    for form, body in bodies.items():
        for wanted in bodies:
            answer = ask(app, body, form, LINE + place, headers={"Accept": wanted})
            kept = app.get(answer.headers["Content-Location"]).json
            assert kept["inputs"] == [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]
            if wanted == "application/json":
                assert answer.json["outputs"] == kept["outputs"] == [{"value": 1.0}, {"value": 3.0}]
                continue
            assert answer.headers["MLServe-Prediction-Id"] == kept["id"]
            if wanted == CSV:
                assert list(csv.reader(io.StringIO(answer.text))) == [["value"], ["1.0"], ["3.0"]]
            else:
                table = table_of(answer)
                assert table.to_pylist() == kept["outputs"]
                alias = {} if kept["alias"] is None else {b"mlserve:alias": b"champion"}
                about = {b"mlserve:id": kept["id"].encode(), b"mlserve:model": b"line", b"mlserve:version": b"1"}
                assert table.schema.metadata == about | alias


def test_every_type_of_field_and_of_output(app: Served) -> None:
    answer = ask(app, written(pa.table(COLUMNS)), ARROW, ALL)
    kept = app.get(answer.headers["Content-Location"]).json
    again = app.predict("all", kept["inputs"])
    assert again.json["outputs"] == answer.json["outputs"]
    assert kept["inputs"][0]["half"] == 0.1
    assert kept["inputs"][1]["small"] == -128
    table = table_of(ask(app, written(pa.table(COLUMNS)), ARROW, ALL, headers={"Accept": ARROW}))
    assert as_json(table) == answer.json["outputs"]
    texts = {name: json.dumps(value) if isinstance(value, list) else value for name, value in kept["inputs"][0].items()}
    sheet = io.StringIO()
    csv.writer(sheet).writerows([texts, texts.values()])
    assert ask(app, sheet.getvalue().encode(), CSV, ALL).json["outputs"] == answer.json["outputs"][:1]


def test_what_pandas_writes(app: Served) -> None:
    frame = pd.DataFrame({"x": [1, 3], "y": [2.0, 4.0]})
    assert ask(app, frame.to_csv(index=False).encode(), CSV).json["outputs"] == [{"value": 1.0}, {"value": 3.0}]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    answer = ask(app, written(table), ARROW, headers={"Accept": ARROW})
    assert table_of(answer).to_pandas()["value"].tolist() == [1.0, 3.0]


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_numbers_that_json_cannot_write(app: Served) -> None:
    body = written(pa.table({"x": [1e308, 1.0], "y": [-1e308, 0.0]}))
    headers = {"Accept": ARROW, "Idempotency-Key": "infinite"}
    first, second = (ask(app, body, ARROW, headers=headers) for _ in range(2))
    assert table_of(first).column("value").to_pylist() == [np.inf, 3.0]
    assert table_of(second).equals(table_of(first))
    assert second.headers["Idempotency-Replayed"] == "true"
    assert ask(app, body, ARROW, headers={"Accept": CSV}).text == 'value\r\n""\r\n3.0\r\n'
    assert ask(app, body, ARROW).json["warnings"][0]["value"] == "inf"


def test_a_key_belongs_to_one_body(app: Served) -> None:
    headers = {"Idempotency-Key": "one"}
    first = ask(app, written(XY), ARROW, headers=headers).json
    assert ask(app, written(XY), ARROW, headers=headers | {"Accept": CSV}).text == "value\r\n1.0\r\n3.0\r\n"
    assert ask(app, written(XY), ARROW, headers=headers).json == first
    for changed in ({"body": written(XY.slice(1))}, {"query": "?reference=other"}):
        body = changed.pop("body", written(XY))
        assert ask(app, body, ARROW, headers=headers, status=422, **changed).json["code"] == "idempotency_key_reused"


def test_a_reference_and_an_explanation_stand_in_the_address(app: Served) -> None:
    answer = ask(app, b"x,y\n1,2\n", CSV, query="?reference=two%20flights&explain=true", headers={"Accept": ARROW})
    kept = app.get(answer.headers["Content-Location"]).json
    assert kept["reference"] == "two flights"
    told = json.loads(table_of(answer).schema.metadata[b"mlserve:explanation"])
    explained = app.get(f"{answer.headers['Content-Location']}/explanation").json
    assert told == explained["explanation"]
    for query in ("?explain=yes", "?reason=x", f"?reference={'x' * 256}", "?explain=true&explain=true"):
        assert ask(app, b"x,y\n1,2\n", CSV, query=query, status=400).json["code"] == "unreadable"


def test_a_body_may_be_compressed_as_a_whole(app: Served) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert len(ask(app, gzip.compress(written(XY)), ARROW, headers=headers).json["outputs"]) == 2
    bomb = gzip.compress(b"x,y\n" + b"1,2\n" * 100_000)
    assert ask(app, bomb, CSV, headers=headers, status=413).json["code"] == "too_large"


@pytest.mark.parametrize(
    ("body", "form", "status", "places"),
    [
        (
            written(pa.table({"x": [1, None], "y": ["a", "b"]})),
            ARROW,
            422,
            ["/columns/x/1", "/columns/y/0", "/columns/y/1"],
        ),
        (b"x,y\n1,\nb,2\n", CSV, 422, ["/instances/0/y", "/instances/1/x"]),
        (b"x,z\n1,2\n", CSV, 422, ["/instances/0/y", "/instances/0/z"]),
        (b"x,y\n", CSV, 422, ["/instances"]),
        (b"", CSV, 422, ["/instances"]),
        (b"x,y,x\n1,2,3\n", CSV, 422, [""]),
        (b"x,y\n1\n", CSV, 422, ["/instances/0"]),
        (b",".join(b"%d" % name for name in range(5000)) + b"\n", CSV, 422, [""]),
        (b"x,y\n" + b"1,2\n" * 51, CSV, 413, []),
        (written(pa.table({"x": np.zeros(51), "y": np.zeros(51)})), ARROW, 413, []),
        (b"x,y\n\xff,1\n", CSV, 400, []),
        (b'x,y\n"1,2\n', CSV, 400, []),
        (b"", ARROW, 400, []),
        (written(XY)[:-9], ARROW, 400, []),
        (written(XY, compression="zstd"), ARROW, 415, []),
        (b"x,y\n1,2\n", "text/csv; charset=latin-1", 415, []),
        (b"x\ty\n1\t2\n", "text/tab-separated-values", 415, []),
    ],
)
def test_what_is_refused(app: Served, body: bytes, form: str, status: int, places: list[str]) -> None:
    problem = ask(app, body, form, status=status, headers={"Accept": ARROW})
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in problem.json.get("errors", [])] == places


@pytest.mark.parametrize("body", [b"x,y1,23,4", b"x,y,x,y", b"x,y\n"])
def test_a_table_of_one_line_is_told_as_such(app: Served, body: bytes) -> None:
    """As `curl -d @FILE` sends it, which takes the line ends out."""
    assert ask(app, body, CSV, status=422).json["detail"].endswith("The body is one line: were its line ends lost?")
    assert "one line" not in ask(app, b"x,y,x\n1,2,3\n", CSV, status=422).json["detail"]


def test_a_csv_may_have_broken_off_where_the_server_cannot_tell(app: Served) -> None:
    """As granian gives a body in chunks, of which the last may be missing."""
    unproved = {END_UNPROVED: True}
    refused = ask(app, b"x,y\n1,2\n", CSV, status=411, extra_environ=unproved).json
    assert refused["code"] == "length_required"
    ask(app, gzip.compress(b"x,y\n1,2\n"), CSV, headers={"Content-Encoding": "gzip"}, extra_environ=unproved)
    ask(app, written(XY), ARROW, extra_environ=unproved)


def test_a_body_of_another_type_is_told_all_types(app: Served) -> None:
    refused = ask(app, b"x,y\n1,2\n", "application/x-www-form-urlencoded", status=415).json["detail"]
    assert all(form in refused for form in ("application/json", CSV, ARROW))


def test_the_document_tells_both(app: Served) -> None:
    post = app.get(f"{LINE}/openapi.json").json["paths"][f"{LINE}/predictions"]["post"]
    assert {ARROW, CSV, "application/json"} == {*post["requestBody"]["content"]}
    assert {ARROW, CSV, "application/json"} == {*post["responses"]["200"]["content"]}
