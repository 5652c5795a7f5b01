"""The form of a model's page on the real application, as a browser without JavaScript sends it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from webtest import TestApp

from mlserve.dashboard import model_views
from mlserve.dashboard.model_views import read_form
from mlserve.errors import DatabaseUnavailable, NotSupported
from mlserve.registry.loading import load_bundle, store_of
from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.hostile import LABELS, flights_model
from tests.functional.pages import HTML, answer_of, assert_sound, paged


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with paged(tmp_path_factory.mktemp("pages")) as served:
        yield served


def test_the_form_makes_a_normal_prediction(app: Served) -> None:
    form = app.get("/models/flights").forms["try"]
    assert [form[f"f{n}"].value for n in range(4)] == ["Oslo", "0", "0", "false"]
    form["f0"], form["f1"], form["f2"] = "Riga", "120.5", "8"
    page = form.submit()
    assert_sound(page.html)
    shown = answer_of(page)
    assert list(shown) == ["label", "probability"]
    kept = app.get(page.html.find(id="made")["href"], headers={"Accept": "application/json"}).json
    assert kept["inputs"] == [{"city": "Riga", "distance": 120.5, "stops": 8, "weekend": False}]
    assert shown["label"] == kept["outputs"][0]["label"]
    assert kept["request_id"] == page.headers["X-Request-Id"]
    api = app.get(f"/api/v1/models/flights/predictions/{kept['id']}").json
    assert api == kept
    # The form keeps what was entered, and the prediction stands in the list at once.
    assert page.forms["try"]["f0"].value == "Riga"
    assert page.html.select_one("#last tbody a")["href"] == f"/predictions/{kept['id']}"


def test_the_answer_is_explained_class_by_class(app: Served) -> None:
    page = app.get("/models/flights").forms["try"].submit()
    label = answer_of(page)["label"]
    blocks = page.html.select("#answer > details")
    assert sorted(block.summary.text.strip() for block in blocks) == sorted(LABELS)
    assert blocks[0].summary.text.strip() == label
    assert [block.has_attr("open") for block in blocks] == [True, False, False]
    rows = blocks[0].select("tbody tr")
    assert {row.th.text for row in rows} == {"city", "distance", "stops", "weekend"}
    sizes = [abs(float(row.select_one(".num").text.replace("−", "-"))) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    bias, margin = (float(number.text.replace("−", "-")) for number in blocks[0].select(".sum strong"))
    assert "before it looks at any field" in blocks[0].select_one(".sum").text
    signed = [float(row.select_one(".num").text.replace("−", "-")) for row in rows]
    assert bias + sum(signed) == pytest.approx(margin, abs=1e-3)
    assert float(rows[0].rect["width"]) == 100


def test_where_nothing_is_kept_no_page_says_otherwise(tmp_path: Path) -> None:
    models = {"line": linear_model(tmp_path)}
    with serving(settings_of(tmp_path, models=models, log__way="off")) as app:
        app.extra_environ = {"HTTP_ACCEPT": HTML}
        page = app.get("/models/line").forms["try"].submit()
        assert_sound(page.html)
        assert answer_of(page)
        assert page.html.find(id="made") is None
        listed = app.get("/models/line/predictions")
        for shown in (page.html.find(id="try"), page.html.find(id="last"), listed.html.main):
            assert "Nothing is kept (mlserve.log.way = off)." in shown.text
        for html in (page.html, listed.html):
            assert not [word for word in ("prediction is kept", "kept as") if word in html.main.text]


def test_empty_is_missing_where_that_may_be(app: Served) -> None:
    form = app.get("/models/flights").forms["try"]
    form["f0"] = form["f1"] = ""
    page = form.submit()
    kept = app.get(page.html.find(id="made")["href"], headers={"Accept": "application/json"}).json
    assert kept["inputs"][0]["city"] is kept["inputs"][0]["distance"] is None
    assert "missing" in page.html.select_one("#answer").text


def test_an_unseen_category_can_be_entered(app: Served) -> None:
    form = app.get("/models/flights").forms["try"]
    assert form["f0"].tag == "input"
    form["f0"] = "Atlantis"
    page = form.submit()
    kept = app.get(page.html.find(id="made")["href"], headers={"Accept": "application/json"}).json
    assert kept["inputs"][0]["city"] == "Atlantis"

    def marked(tables: Any) -> list[str]:
        return [row.th.text for row in tables.select("tbody tr") if "(not seen in training)" in row.td.text]

    assert marked(page.html.select_one("#answer")) == ["city"] * len(LABELS)
    read = app.get(page.html.find(id="made")["href"]).html
    assert marked(read.select_one("[aria-labelledby=inputs-title]")) == ["city"]
    assert marked(read.select_one("[aria-labelledby=answer-title]")) == ["city"] * len(LABELS)
    assert "not seen" not in app.get("/models/flights").forms["try"].submit().text


def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(app: Served) -> None:
    before = predictions_of(app)
    form = app.get("/models/flights").forms["try"]
    form["f0"], form["f1"], form["f2"] = "a <b>", "-5", "1.5"
    form["f3"].force_value("maybe")
    page = form.submit(status=422)
    assert_sound(page.html)
    faults = {tag["id"]: tag.text for tag in page.html.select(".fault")}
    assert faults["f1-fault"] == "A number not below 0 is expected here; this is -5."
    assert set(faults) == {"f1-fault", "f2-fault", "f3-fault"}
    for name in ("f1", "f2", "f3"):
        control = page.html.find(id=name)
        assert control["aria-invalid"] == "true"
        assert f"{name}-fault" in control["aria-describedby"].split()
    assert not page.html.find(id="f0").has_attr("aria-invalid")
    summary = page.html.find(id="errors")
    assert [link["href"] for link in summary.select("a")] == ["#f1", "#f2", "#f3"]
    assert summary["tabindex"] == "-1"
    again = page.forms["try"]
    assert [again[f"f{n}"].value for n in range(4)] == ["a <b>", "-5", "1.5", "maybe"]
    assert predictions_of(app) == before


def predictions_of(app: Served) -> int:
    with app.application.database.read() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM predictions")) or 0)


def test_a_required_field_left_empty_is_asked_for(app: Served) -> None:
    form = app.get("/models/line").forms["try"]
    form["f1"] = ""
    page = form.submit(status=422)
    assert page.html.find(id="f1-fault").text.startswith("Please give")
    assert page.html.find(id="f1").has_attr("required")


def test_a_form_without_this_browser_s_token_is_refused(app: Served) -> None:
    before = predictions_of(app)
    form = app.get("/models/line").forms["try"]
    form["csrf_token"].force_value("0" * 32)
    refused = form.submit(status=400)
    assert_sound(refused.html)
    assert "token" in refused.html.main.text
    stranger = TestApp(app.app, extra_environ={"HTTP_ACCEPT": HTML})
    stranger.post("/models/line", {"f0": "1", "f1": "1", "csrf_token": "x"}, status=400)
    stranger.post("/models/line", {"f0": "1", "f1": "1"}, status=400)
    assert predictions_of(app) == before


def test_over_https_the_form_must_come_from_here(app: Served) -> None:
    client = TestApp(app.app, extra_environ={"wsgi.url_scheme": "https", "HTTP_HOST": "here.example"})
    page = client.get("/models/line")
    cookie = page.headers["Set-Cookie"]
    assert "; secure" in cookie.lower()
    assert "; HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    form = page.forms["try"]
    assert form.submit(headers={"Origin": "https://here.example"}).status_int == 200
    form.submit(headers={"Origin": "https://there.example"}, status=400)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 400),
        ("application/x-www-form-urlencoded", b"f0=%ff", 400),
        ("application/x-www-form-urlencoded", b"\xff=1", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"f0=1" for _ in range(50)), 400),
        ("application/x-www-form-urlencoded", b"f0=" + b"1" * 9_000_000, 413),
    ],
)
def test_a_form_that_cannot_be_read_is_a_page(app: Served, content_type: str, body: bytes, status: int) -> None:
    page = app.post("/models/line", body, content_type=content_type, status=status)
    assert_sound(page.html)


@pytest.mark.parametrize(("size", "status"), [(99_000, 422), (101_000, 422), (1_000_001, 413)])
def test_a_large_request_is_not_written_as_code(app: Served, size: int, status: int) -> None:
    form = app.get("/models/line").forms["try"]
    form["f0"].force_value("x" * size)
    page = form.submit(status=status)
    assert_sound(page.html)
    assert len(page.text) < 5 * size + 100_000
    if status == 413:
        assert "1,000,000 bytes" in page.html.main.text
    else:
        assert page.html.find(id="code")
        assert bool(page.html.find(id="curl")) is bool(page.html.find(id="python")) is (size < 100_000)


def test_a_star_is_explained_where_there_is_one(app: Served, tmp_path: Path) -> None:
    assert "needs a value" in app.get("/models/line").html.find(id="try").text
    path = flights_model(tmp_path)
    sidecar = path.with_name(f"{path.name}.signature.json")
    content = json.loads(sidecar.read_text())
    content["inputs"] = [{**field, "nullable": True, "required": False} for field in content["inputs"]]
    sidecar.write_text(json.dumps(content))
    settings = settings_of(tmp_path, models={"optional": path})
    with serving({**settings, "mlserve.plugins": "xgboost"}) as served:
        form = served.get("/models/optional", headers={"Accept": HTML}).html.find(id="try")
        assert form.select("select option")
        assert not form.select(".required")
        assert "needs a value" not in form.text


def test_the_code_is_the_request(app: Served) -> None:
    page = app.get("/models/line").forms["try"].submit()
    curl, python = page.html.find(id="curl").text.strip(), page.html.find(id="python").text.strip()
    assert curl.startswith("curl -s http://localhost/api/v1/models/line/predictions \\\n")
    assert '"x": 0' in curl
    compile(python, "snippet", "exec")


def test_the_form_s_prediction_keeps_its_explanation(app: Served) -> None:
    made = app.get("/models/flights").forms["try"].submit()

    def contributions(page: Any) -> list[tuple[str, str]]:
        return [(row.th.text, row.select_one(".num").text) for row in page.html.select(".bars tbody tr")]

    assert len(contributions(made)) == 4 * len(LABELS)
    assert contributions(made.click("This prediction")) == contributions(made)


def test_a_predictor_that_fails_leaves_the_form_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(settings_of(tmp_path, models={"bad": linear_model(tmp_path, x=1.0, fail=1.0)})) as served:
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        form = served.get("/models/bad").forms["try"]
        form["f0"] = "17"
        page = form.submit(status=500)
        assert_sound(page.html)
        assert page.forms["try"]["f0"].value == "17"
        assert "prediction_failed" in page.html.find(id="answer").text
        assert "secret" not in page.text
        assert "Traceback" not in page.text


def test_a_model_that_cannot_be_explained_is_answered_without(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(batch: Any) -> Any:
        raise NotSupported("This objective cannot be explained.")

    predictor = app.application.live.get("flights").loaded().predictor
    monkeypatch.setattr(predictor, "explain", refuse)
    page = app.get("/models/flights").forms["try"].submit()
    assert list(answer_of(page)) == ["label", "probability"]
    assert not page.html.select(".bars")
    assert "explain" not in page.html.find(id="curl").text
    kept = page.click("This prediction")
    told = app.get(kept.request.path + "?explain=1").html.find(role="status")
    assert told.text == "This objective cannot be explained."


def test_while_the_database_is_down_the_form_still_works(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: Any) -> Any:
        raise DatabaseUnavailable("The database cannot be used.")

    monkeypatch.setattr(app.application.database, "read", down)
    page = app.get("/models/line")
    assert "cannot be reached" in page.html.find(id="last").text
    answered = page.forms["try"].submit()
    assert list(answer_of(answered)) == ["value"]
    listing = app.get("/models/line/predictions", status=503)
    assert_sound(listing.html)
    assert listing.headers["Retry-After"] in listing.html.main.text


def test_htmx_is_answered_with_the_same_page(app: Served) -> None:
    page = app.get("/models/line")
    form = page.html.find(id="try")
    assert form["hx-select"] == "#try"
    assert {"#answer", "#code", "#last"} == set(form["hx-select-oob"].split(","))
    assert json.loads(page.html.find("meta", {"name": "htmx-config"})["content"])["allowEval"] is False
    refused = app.post("/models/line", {"f0": "1"}, headers={"HX-Request": "true", "Accept": "*/*"}, status=400)
    assert_sound(refused.html)


def test_a_version_that_is_swapped_out_on_the_way_is_followed_by_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, registry__interval="1h")
    with serving(settings) as app:
        application = app.application
        live = application.live.get("line")
        gone = live.loaded()
        family = application.families.get("linear")
        assert family is not None
        bundle = store_of(application).open(gone.lineage.digest)
        successor = load_bundle(application, family, bundle, {"model": "line", "version": 2})
        form = app.get("/models/line", headers={"Accept": HTML}).forms["try"]

        def swapped_meanwhile(*given: Any) -> Any:
            if gone.users.refuse_new():
                application.live.put(replace(live, champion=successor))
            return read_form(*given)

        monkeypatch.setattr(model_views, "read_form", swapped_meanwhile)
        page = form.submit(headers={"Accept": HTML})
        assert list(answer_of(page)) == ["value"]
        kept = app.get(page.html.find(id="made")["href"], headers={"Accept": "application/json"}).json
        assert kept["version"] == 2
        # Without a successor it is what it is.
        application.live.put(live)
        assert page.forms["try"].submit(headers={"Accept": HTML}, status=503).headers["Retry-After"]
        successor.close()
