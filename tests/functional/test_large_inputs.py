"""Predictions of many instances: their inputs are a column block in the log, and JSON wherever somebody reads them."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from mlserve.cli import main
from mlserve.inputs import read_columns, read_inputs
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.pages import HTML

URL = "/api/v1/models/line/predictions"
ROWS = [[index / 7, -0.0 if index % 2 else 0.1] for index in range(40)]
# As a server without blocks keeps them.
KEPT = [{"x": x, "y": y} for x, y in ROWS]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("large")
    models = {"line": linear_model(folder)}
    return settings_of(folder, models=models, log__way="process", log__block_from="40", shipper__enabled="no")


@pytest.fixture(scope="module")
def app(settings: dict[str, str]) -> Iterator[Served]:
    with serving({**settings, "mlserve.shipper.enabled": "yes"}) as served:
        yield served


@pytest.fixture(scope="module")
def made(app: Served) -> dict[str, Any]:
    answer: dict[str, Any] = app.predict("line", ROWS, reference="many").json
    until(lambda: app.get(f"{URL}?reference=many").json["predictions"] != [])
    return answer


def row(app: Served, identity: str) -> Any:
    query = text("SELECT inputs, inputs_block, encoding, format FROM predictions WHERE id = :id")
    with app.application.database.read() as connection:
        return connection.execute(query, {"id": identity}).one()


def inputs_of(answer: str) -> str:
    """The JSON text of the inputs in an answer, with which that of the outputs begins."""
    return answer[answer.index('"inputs":') : answer.index(',"outputs"')]


def test_what_the_spool_still_has_is_read(settings: dict[str, str], tmp_path: Path) -> None:
    with serving({**settings, "mlserve.var": str(tmp_path)}) as app:
        made = app.predict("line", ROWS).json
        kept = app.get(f"{URL}/{made['id']}").json
        assert kept["inputs"] == KEPT
        assert kept["outputs"] == made["outputs"]
        assert app.get(URL).json["predictions"] == []
        report = {"actuals": {"value": [1.0] * len(ROWS)}}
        assert app.put_json(f"{URL}/{made['id']}/actuals", report).json["revision"] == 1
        assert b'{"v":2,"id":"' in next((tmp_path / "spool").glob("*.open")).read_bytes()


def test_the_row_has_a_block_and_the_api_has_json(app: Served, made: dict[str, Any]) -> None:
    inputs, block, encoding, number = row(app, made["id"])
    assert (inputs, number) == (None, 2)
    assert read_inputs(block, encoding) == KEPT
    assert read_columns(block, encoding)["x"][0].tolist() == [x for x, _ in ROWS]
    one = app.get(f"{URL}/{made['id']}")
    assert one.json["inputs"] == KEPT
    assert '"y":-0.0' in inputs_of(one.text)
    listed = app.get(f"{URL}?reference=many")
    assert inputs_of(listed.text) == inputs_of(one.text)
    assert [found["id"] for found in listed.json["predictions"]] == [made["id"]]
    table = list(csv.DictReader(io.StringIO(app.get(f"{URL}/{made['id']}", headers={"Accept": "text/csv"}).text)))
    assert [(float(line["input.x"]), line["input.y"]) for line in table] == [(x, str(y)) for x, y in ROWS]
    with app.application.database.read() as connection:
        query = text("SELECT instance, input, output FROM prediction_instances WHERE prediction_id = :id")
        found = connection.execute(query, {"id": made["id"]}).all()
    assert [(instance, shown) for instance, shown, _ in found] == [(index, None) for index in range(len(ROWS))]
    assert all(output is not None for *_, output in found)


def test_fewer_instances_are_json_as_before(app: Served) -> None:
    few = app.predict("line", ROWS[:39]).json
    until(lambda: any(found["id"] == few["id"] for found in app.get(URL).json["predictions"]))
    inputs, block, encoding, number = row(app, few["id"])
    assert (json.loads(inputs), block, encoding, number) == (KEPT[:39], None, None, 1)


def test_the_pages_show_it(app: Served, made: dict[str, Any]) -> None:
    page = {"headers": {"Accept": HTML}}
    assert made["id"] in app.get("/models/line/predictions", **page).text
    shown = app.get(f"/predictions/{made['id']}?instance=39", **page)
    assert str(ROWS[39][0]) in shown.html.find(id="inputs-title").parent.text
    again = app.get(f"/models/line?from={made['id']}&instance=39", **page)
    assert str(ROWS[39][0]) in [field.get("value") for field in again.html.find_all("input")]


def test_it_is_asked_again_and_explained(app: Served, made: dict[str, Any]) -> None:
    assert app.post(f"{URL}/{made['id']}/reproduction").json["verdict"] == "bit_equal"
    told = app.get(f"{URL}/{made['id']}/explanation").json
    assert len(told["explanation"]["instances"]) == len(ROWS)


def test_a_repeated_key_is_answered_from_a_block(app: Served) -> None:
    sent = {"instances": ROWS, "explain": False}
    first, again = (
        app.post_json("/api/v1/models/line/predictions", sent, headers={"Idempotency-Key": "many"}) for _ in range(2)
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json
    assert row(app, first.json["id"]).inputs is None


def test_the_command_exports_it(app: Served, settings: dict[str, str], made: dict[str, Any], tmp_path: Path) -> None:
    ini = tmp_path / "app.ini"
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in settings.items()]
    ini.write_text("\n".join(["[app:main]", "use = egg:pyramid-mlserve", *lines]))
    asked = ["predictions", str(ini), "line", "--reference", "many", "--format"]
    printed = CliRunner().invoke(main, [*asked, "json"]).stdout
    assert json.loads(printed)["inputs"] == KEPT
    assert made["id"] in CliRunner().invoke(main, [*asked, "csv"]).stdout


def test_a_damaged_block_is_told_by_its_prediction(app: Served) -> None:
    made = app.predict("line", ROWS, reference="damaged").json
    until(lambda: app.get(f"{URL}?reference=damaged").json["predictions"] != [])
    with app.application.database.write() as connection:
        connection.execute(
            text("UPDATE predictions SET inputs_block = :block, encoding = 'columns-1' WHERE id = :id"),
            {"block": b"\xff" * 100, "id": made["id"]},
        )
    for method, address in ((app.get, made["id"]), (app.get, f"{made['id']}/explanation")):
        refused = method(f"{URL}/{address}", status=409).json
        assert refused["code"] == "not_supported"
        assert made["id"] in refused["detail"]
    page = app.get("/models/line/predictions?reference=damaged", headers={"Accept": HTML})
    assert made["id"] in page.text
