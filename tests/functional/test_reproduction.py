"""Kept predictions are asked again through the real application: over REST, on their pages and by the command."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from mlserve.cli import main
from mlserve.db import migrate
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.callers import bearer, guarded, log_in, make_key, make_user
from tests.functional.pages import HTML, assert_sound, paged

URL = "/api/v1/models/line/predictions"
ROWS = [[1.5, 2.0], [0.0, -1.0]]
MAKING = {"engine": "exact", "library": "arithmetic 1"}
BOTH_WAYS = pytest.mark.parametrize("way", ["sql", "process"])


def reproduce(app: Served, identity: str, status: int = 200) -> Any:
    return app.post(f"{URL}/{identity}/reproduction", status=status).json


def command(folder: Path, settings: dict[str, str], *arguments: str) -> Result:
    ini = folder / "app.ini"
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in settings.items()]
    ini.write_text("\n".join(["[app:main]", "use = egg:pyramid-mlserve", *lines]))
    return CliRunner().invoke(main, ["reproduce", str(ini), *arguments])


def state(app: Served) -> dict[str, Any]:
    """All that a reproduction could have left in the database, and what the metrics counted of predictions."""
    with app.application.database.read() as connection:
        rows = {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("predictions", "actuals", "events", "versions", "aliases")
        }
    metrics = [line for line in app.get("/metrics").text.splitlines() if line.startswith("mlserve_prediction")]
    return rows | {"metrics": metrics}


@BOTH_WAYS
def test_a_prediction_is_answered_again_equal_to_the_bit_and_nothing_is_kept(
    tmp_path: Path, database_url: str, way: str
) -> None:
    migrate.upgrade(database_url, ["mlserve_linear:migrations"])
    models = {"line": linear_model(tmp_path)}
    settings = settings_of(tmp_path, models=models, log__way=way, database__url=database_url)
    with serving(settings) as app:
        made = app.predict("line", [*ROWS, [0.1, 1e-7], [-0.0, 0.0]]).json
        until(lambda: len(app.get(URL).json["predictions"]) == 1)
        before = state(app)
        told = reproduce(app, made["id"])
        lineage = app.get(f"{URL}/{made['id']}").json["lineage"]
        assert told.pop("then").items() >= MAKING.items()
        assert told.pop("now").items() >= MAKING.items()
        assert told == {
            "id": made["id"],
            "model": "line",
            "version": 1,
            "digest": lineage["digest"],
            "verdict": "bit_equal",
            "differences": [],
            "more": False,
            "not_kept": {},
            "changed": [],
            "explanation": None,
        }
        assert state(app) == before
        assert reproduce(app, made["id"].replace("0", "1"), 404)["code"] == "prediction_unknown"
        assert app.get(f"{URL}/{made['id']}/reproduction", status=405).headers["Allow"] == "POST"
    assert command(tmp_path, settings, made["id"]).exit_code == 0


def test_every_way_of_asking_comes_out_the_same(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="process")
    model, columns = "/api/v1/models/line", {"x": [0.1, -0.0], "y": [1e-7, 5e-324]}
    single = {"instances": [{"x": 0.1, "y": 1e300}]}
    asked: list[tuple[str, Any, dict[str, str]]] = [
        (URL, single, {}),
        (URL, {"columns": columns}, {}),
        (URL, single, {"Idempotency-Key": "one"}),
        (f"{model}/aliases/champion/predictions", {"columns": columns, "explain": True}, {}),
        (f"{model}/versions/1/predictions", {"columns": columns, "reference": "r"}, {}),
    ]
    with serving(settings) as app:
        for url, body, headers in asked:
            made = app.post_json(url, body, headers=headers).json["id"]
            assert reproduce(app, made)["verdict"] == "bit_equal", (url, body)
    (tmp_path / "rows.csv").write_text("x,y\n0.1,1e-7\n-0,5e-324\n")
    ini = tmp_path / "app.ini"
    command(tmp_path, settings, made)  # Writes the INI.
    done = CliRunner().invoke(main, ["predict", str(ini), "line", str(tmp_path / "rows.csv")])
    made = json.loads(done.stdout.splitlines()[0])["prediction"]
    assert command(tmp_path, settings, made).exit_code == 0


@BOTH_WAYS
def test_what_has_not_been_shipped_yet_is_reproduced_too(tmp_path: Path, way: str) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way=way, shipper__enabled="false")
    with serving(settings) as app:
        made = app.predict("line", ROWS).json["id"]
        assert reproduce(app, made)["verdict"] == "bit_equal"
        done = command(tmp_path, settings, made.upper())
        assert (done.exit_code, done.stdout) == (0, "Version 1 of model line answers this again, equal to the bit.\n")


@BOTH_WAYS
def test_a_past_version_is_asked_and_not_the_one_that_answers_now(tmp_path: Path, way: str) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path, intercept=1.0)}, log__way=way)
    with serving(settings) as app:
        made = app.predict("line", ROWS).json["id"]
    linear_model(tmp_path, intercept=5.0)
    with serving(settings) as app:
        assert app.predict("line", ROWS).json["version"] == 2
        told = reproduce(app, made)
        assert (told["version"], told["verdict"]) == (1, "bit_equal")
    assert command(tmp_path, settings, made).exit_code == 0
    shutil.rmtree(tmp_path / "var" / "bundles" / told["digest"])
    with serving(settings) as app:
        refused = reproduce(app, made, 409)
        assert refused["code"] == "not_supported"
        assert "is not on this host" in refused["detail"]
        page = app.get(f"/predictions/{made}", headers={"Accept": HTML}).forms[0].submit(headers={"Accept": HTML})
        assert page.html.select_one("#reproduction [role=status]").text == refused["detail"]
    done = command(tmp_path, settings, made)
    assert (done.exit_code, "is not on this host" in done.output) == (1, True)


def test_the_command_says_why_a_bundle_cannot_be_loaded_and_starts_nothing(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="sql")
    with serving(settings) as app:
        made = app.predict("line", ROWS).json["id"]
        digest = app.get(f"{URL}/{made}").json["lineage"]["digest"]
    linear_model(tmp_path, intercept=9.0)  # A start would register it, and let it answer.
    assert command(tmp_path, settings, made).exit_code == 0
    assert len(list((tmp_path / "var" / "bundles").glob("?" * 64))) == 1
    (artefact,) = (tmp_path / "var" / "bundles" / digest / "files").iterdir()
    artefact.write_text("damaged")
    done = command(tmp_path, settings, made)
    assert done.exit_code == 1
    assert artefact.name in done.output
    unknown = command(tmp_path, settings, "no-such-id")
    assert (unknown.exit_code, unknown.output) == (1, "Error: There is no kept prediction 'no-such-id' here.\n")


@BOTH_WAYS
@pytest.mark.parametrize("keep", ["hash", "omit"])
def test_of_a_field_that_was_not_kept_it_cannot_be_known(tmp_path: Path, way: str, keep: str) -> None:
    path = linear_model(tmp_path)
    path.with_name(path.name + ".signature.json").write_text(json.dumps({"inputs": [{"name": "y", "keep": keep}]}))
    settings = settings_of(tmp_path, models={"line": path}, log__way=way)
    with serving(settings) as app:
        made = app.predict("line", ROWS).json["id"]
        told = reproduce(app, made)
        assert (told["verdict"], told["not_kept"], told["now"]) == ("unknown", {"y": keep}, None)
        page = app.get(f"/predictions/{made}", headers={"Accept": HTML}).html.find(id="reproduction")
        assert "not kept whole" in page.text
        assert page.form is None
    done = command(tmp_path, settings, made)
    assert done.exit_code == 1
    assert done.stdout.endswith(f"were not kept whole: 'y' ({keep}).\n")


def rewritten(app: Served, identity: str, change: Callable[[str], str], **columns: str) -> None:
    """As if the prediction had been made otherwise: by another library, with another answer."""
    with app.application.database.write() as connection:
        query = text("SELECT outputs FROM predictions WHERE id = :id")
        outputs = connection.execute(query, {"id": identity}).scalar_one()
        columns = {**columns, "outputs": change(outputs)}
        names = ", ".join(f"{name} = :{name}" for name in columns)
        connection.execute(text(f"UPDATE predictions SET {names} WHERE id = :id"), {"id": identity, **columns})


def test_what_differs_is_told_with_the_libraries_then_and_now(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="sql")
    with serving(settings) as app:
        made = app.predict("line", ROWS).json["id"]
        rewritten(app, made, lambda outputs: outputs, library="arithmetic 0")
        told = reproduce(app, made)
        assert (told["verdict"], told["changed"]) == ("bit_equal", ["library"])
        assert (told["then"]["library"], told["now"]["library"]) == ("arithmetic 0", "arithmetic 1")
        rewritten(app, made, lambda outputs: outputs.replace("2.0", "2.0000000000000004", 1))
        told = reproduce(app, made)
        assert (told["verdict"], told["more"]) == ("differs", False)
        assert told["differences"] == [{"output": "value", "instance": 0, "stored": 2.0000000000000004, "now": 2.0}]
        page = app.get(f"/predictions/{made}", headers={"Accept": HTML}).forms[0].submit(headers={"Accept": HTML})
        assert_sound(page.html)
        shown = page.html.find(id="reproduction")
        assert [cell.text for cell in shown.select("tbody tr > *")] == ["value", "0", "2.0000000000000004", "2.0"]
        facts = {item.dt.text: item.dd.text for item in shown.select("dl > div")}
        assert facts["Library"] == "arithmetic 1 (then arithmetic 0)"
    done = command(tmp_path, settings, made)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].endswith("in another way now: 1 value differs.")
    assert done.stdout.splitlines()[2].split() == ["value", "0", "2.0000000000000004", "2.0"]
    assert done.stdout.splitlines()[3] == "library: arithmetic 0 then, arithmetic 1 now"
    done = command(tmp_path, settings, made, "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)) == (1, told)


def test_a_setting_of_the_family_that_changes_answers_is_noticed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="sql")
    with serving(settings) as app:
        made = app.predict("line", [[0.1234, 0]]).json["id"]
    with serving(settings | {"mlserve.linear.decimals": "1"}) as app:
        told = reproduce(app, made)
        assert told["differences"] == [{"output": "value", "instance": 0, "stored": 1.247, "now": 1.2}]
        assert told["changed"] == ["engine"]
        assert (told["then"]["engine"], told["now"]["engine"]) == ("exact", "exact (decimals=1)")
        other = app.predict("line", ROWS).json["id"]
        assert app.get(f"{URL}/{other}").json["lineage"]["engine"] == "exact (decimals=1)"


def explained_otherwise(app: Served, identity: str, contributions: dict[str, float]) -> None:
    with app.application.database.write() as connection:
        connection.execute(
            text("UPDATE linear_contributions SET contributions = :text WHERE prediction_id = :id AND instance = 0"),
            {"id": identity, "text": json.dumps(contributions)},
        )


@BOTH_WAYS
def test_a_stored_explanation_is_reproduced_too(tmp_path: Path, way: str) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way=way)
    with serving(settings) as app:
        made = app.predict("line", [*ROWS, [0.1, 1e-7]], explain=True).json["id"]
        plain = app.predict("line", ROWS).json["id"]
        same = {"verdict": "bit_equal", "differences": [], "more": False, "reason": None}
        assert reproduce(app, made)["explanation"] == same
        assert reproduce(app, plain)["explanation"] is None
        until(lambda: len(app.get(URL).json["predictions"]) == 2)
        assert reproduce(app, made)["explanation"] == same
        page = app.get(f"/predictions/{made}", headers={"Accept": HTML}).forms[0].submit(headers={"Accept": HTML})
        said = "answers this again, equal to the bit. Its stored explanation comes out the same."
        assert page.html.select_one("#reproduction [role=status]").text.endswith(said)
        assert command(tmp_path, settings, made).stdout == f"Version 1 of model line {said}\n"
        explained_otherwise(app, made, {"x": 3.5, "y": -2.0})
        told = reproduce(app, made)
        assert (told["verdict"], told["explanation"]["verdict"]) == ("bit_equal", "differs")
        part = {"part": "contribution", "instance": 0, "block": None, "field": "x", "stored": 3.5, "now": 3.0}
        assert told["explanation"]["differences"] == [part]
    done = command(tmp_path, settings, made)
    assert done.exit_code == 1
    assert "Its stored explanation comes out in another way now: 1 value differs." in done.stdout
    assert done.stdout.splitlines()[2].split() == ["contribution", "x", "0", "3.5", "3.0"]


def test_an_explanation_that_cannot_be_asked_again_is_unknown(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="sql")
    with serving(settings) as app:
        made = app.predict("line", ROWS, explain=True).json["id"]
    with serving(settings | {"mlserve.limits.explained": "1"}) as app:
        told = reproduce(app, made)
        assert (told["verdict"], told["explanation"]["verdict"]) == ("bit_equal", "unknown")
        assert "at most 1 of this model at once" in told["explanation"]["reason"]


def test_the_button_needs_this_browser_s_token_and_keeps_the_instance(tmp_path: Path) -> None:
    with paged(tmp_path) as app:
        made = app.predict("line", ROWS).json["id"]
        page = app.get(f"/predictions/{made}?instance=1")
        assert_sound(page.html)
        form = page.html.select_one("#reproduction form")
        assert form["hx-post"] == form["action"] == f"/predictions/{made}?instance=1"
        answered = page.forms[0].submit()
        assert_sound(answered.html)
        assert answered.html.find(id="answer-title").text == "Answer to instance 1 of 2"
        said = answered.html.select_one("#reproduction [role=status]").text
        assert said == "Version 1 of model line answers this again, equal to the bit."
        page.forms[0]["csrf_token"].force_value("0" * 32)
        refused = page.forms[0].submit(status=400)
        assert "does not carry this browser's token" in refused.html.main.text
        assert "another site" in page.forms[0].submit(headers={"Origin": "http://evil.example"}, status=400)
        form = app.get(f"/predictions/{made}").forms[0]
        form.action = f"/predictions/{made}?instance=2"
        assert "has no instance 2" in form.submit(status=404).html.main.text


def test_the_library_s_own_bits_come_back(tmp_path: Path) -> None:
    with paged(tmp_path) as app:
        rows = [{"city": "Riga", "distance": 120.1, "stops": 3, "weekend": True}] * 2
        made = app.predict("flights", rows).json["id"]
        told = app.post(f"/api/v1/models/flights/predictions/{made}/reproduction").json
        assert told["verdict"] == "bit_equal"
        assert told["now"]["library"].startswith("xgboost ")


def test_who_may_look_at_a_prediction_may_reproduce_it_and_nobody_else(tmp_path: Path) -> None:
    with guarded(tmp_path) as app:
        key = bearer(make_key(app.application, "predict"))
        made = app.post_json(URL, {"instances": ROWS}, headers=key).json["id"]
        make_user(app.application, "ada", "observe")
        make_user(app.application, "eve", "observe", models=["other"])
        app.extra_environ = {"HTTP_ACCEPT": HTML}
        here = {"Origin": "http://localhost"}
        log_in(app, "ada")
        form = app.get(f"/predictions/{made}").html.select_one("#reproduction form")
        token = {"csrf_token": form.input["value"]}
        said = app.post(form["action"], token, headers=here).html.select_one("#reproduction [role=status]").text
        assert said.endswith("equal to the bit.")
        app.post(form["action"], token, headers={"Origin": "http://evil.example"}, status=303)
        app.reset()
        app.post(form["action"], token, headers=here, status=303)  # To the login.
        log_in(app, "eve")
        app.post(form["action"], token, headers=here, status=404)
        app.post(f"{URL}/{made}/reproduction", headers=here, status=403)
