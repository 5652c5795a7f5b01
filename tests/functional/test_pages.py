"""The pages on the real application, as a browser without JavaScript sees them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from pyramid.config import Configurator
from sqlalchemy import text
from webtest import TestApp

from mlserve.dashboard.page import CONTENT_SECURITY_POLICY
from mlserve.errors import DatabaseUnavailable, NotSupported
from mlserve.inference import LiveModel
from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.hostile import LABELS, UNKNOWN_ID, flights_model

INSTANCES = [
    {"distance": None, "stops": 3, "weekend": True},
    {"city": "Oslo", "distance": 5, "stops": 1, "weekend": False},
]
ADDRESSES = ("/", "/models/line", "/models/flights", "/models/flights/predictions", "/docs", "/models/flights/docs")
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("pages")
    models = {"line": linear_model(folder), "flights": flights_model(folder)}
    with serving({**settings_of(folder, models=models), "mlserve.plugins": "mlserve_linear xgboost"}) as served:
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        yield served


def answer_of(page: Any) -> dict[str, str]:
    """The outputs that a page shows, by name."""
    shown = page.html.select("#answer .outputs > div")
    return {item.dt.bdi.text: item.dd.text.strip() for item in shown}


def assert_sound(html: BeautifulSoup) -> None:
    """What is true of every page: one h1, a name for every control, unique ids, no inline code or style."""
    assert html.html["lang"] == "en"
    assert len(html.find_all("h1")) == 1
    assert html.title.text.endswith("mlserve")
    assert html.select("header nav")
    assert len(html.find_all("main")) == 1
    assert html.select_one("a.skip")["href"] == "#main"
    ids = [tag["id"] for tag in html.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for control in html.select("main input:not([type=hidden]), main select, main textarea"):
        assert html.find("label", {"for": control.get("id")}) or control.find_parent("label"), control
    for tag in html.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on") or name in ("style", "srcdoc")], tag
        for name in ("aria-describedby", "aria-labelledby"):
            assert all(html.find(id=target) for target in tag.get(name, "").split()), tag
    assert all(script.get("src") and not script.text for script in html.find_all("script"))
    assert not html.find_all("style")


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_is_sound_and_protected(app: Served, address: str) -> None:
    page = app.get(address)
    assert page.content_type == "text/html"
    assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Request-Id"]
    assert_sound(page.html)
    assert app.head(address).headers["Content-Type"] == page.headers["Content-Type"]


def test_every_link_of_the_pages_leads_somewhere(app: Served) -> None:
    seen, waiting = set(), ["/"]
    while waiting:
        address = waiting.pop()
        seen.add(address)
        page = app.get(address)
        if page.content_type != "text/html":
            continue
        links = {tag["href"].partition("#")[0] for tag in page.html.select("a[href]")}
        assert all(link == "" or link.startswith("/") for link in links), (address, links)
        waiting += [link for link in links if link and link not in seen and link not in waiting]
    assert {"/", "/models/flights", "/models/flights/predictions", "/docs", "/health/ready"} <= seen


def test_the_list_shows_each_model(app: Served) -> None:
    cards = app.get("/").html.select(".cards article")
    assert [card.h2.text for card in cards] == ["flights", "line"]
    assert "ready · version 1 · xgboost" in cards[0].text
    assert "4 inputs → probability, label" in cards[0].text


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
    bias, margin = (float(number.text) for number in blocks[0].select(".sum strong"))
    signed = [float(row.select_one(".num").text.replace("−", "-")) for row in rows]
    assert bias + sum(signed) == pytest.approx(margin, abs=1e-3)
    assert float(rows[0].rect["width"]) == 100


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
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/x-www-form-urlencoded", b"f0=%ff", 400),
        ("application/x-www-form-urlencoded", b"\xff=1", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"f0=1" for _ in range(50)), 400),
        ("application/x-www-form-urlencoded", b"f0=" + b"1" * 9_000_000, 413),
    ],
)
def test_a_form_that_cannot_be_read_is_a_page(app: Served, content_type: str, body: bytes, status: int) -> None:
    page = app.post("/models/line", body, content_type=content_type, status=status)
    assert_sound(page.html)


def test_the_code_is_the_request(app: Served) -> None:
    page = app.get("/models/line").forms["try"].submit()
    curl, python = page.html.find(id="curl").text.strip(), page.html.find(id="python").text.strip()
    assert curl.startswith("curl -s http://localhost/api/v1/models/line/predictions \\\n")
    assert '"x": 0' in curl
    compile(python, "snippet", "exec")


def test_a_prediction_s_page_shows_what_was_kept(app: Served) -> None:
    made = app.predict("flights", INSTANCES, reference="trip 7").json
    address = f"/predictions/{made['id']}"
    app.put_json(f"/api/v1/models/flights/predictions/{made['id']}/actuals", {"actuals": {"label": ["late", None]}})
    page = app.get(address)
    assert_sound(page.html)
    assert page.html.find(id="id").text == made["id"]
    main = page.html.main.text
    assert "trip 7" in main
    assert "Reported" in main
    assert [row.th.bdi.text for row in page.html.select("[aria-labelledby=inputs-title] tbody tr")] == [
        "city", "distance", "stops", "weekend",
    ]  # fmt: skip
    second = app.get(f"{address}?instance=1")
    assert "Oslo" in second.html.select_one("[aria-labelledby=inputs-title]").text
    assert app.get(f"{address}?instance=2", status=404).html.h1.text == "Not Found"
    assert app.get(f"{address}?instance=x", status=400)
    explained = app.get(f"{address}?instance=1&explain=1")
    assert explained.html.select(".bars")
    again = page.click("Use these inputs again")
    assert [again.forms["try"][f"f{n}"].value for n in range(4)] == ["", "", "3", "true"]


def test_the_form_s_prediction_keeps_its_explanation(app: Served) -> None:
    made = app.get("/models/flights").forms["try"].submit()

    def contributions(page: Any) -> list[tuple[str, str]]:
        return [(row.th.text, row.select_one(".num").text) for row in page.html.select(".bars tbody tr")]

    assert len(contributions(made)) == 4 * len(LABELS)
    assert contributions(made.click("This prediction")) == contributions(made)


def test_a_model_that_is_not_served_any_more_keeps_its_predictions_pages(tmp_path: Path) -> None:
    linear_model(tmp_path)
    old = {"old": tmp_path / "line.linear"}
    with serving(settings_of(tmp_path, models=old)) as served:
        identity = served.predict("old", [[1, 2]]).json["id"]
    with serving(settings_of(tmp_path, models={"new": tmp_path / "line.linear"})) as served:
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        page = served.get(f"/predictions/{identity}")
        assert_sound(page.html)
        assert "old (no longer served)" in page.html.main.text
        # Its bundle is still on this host, and so is its family's plugin.
        assert page.click("Explain it now").html.select(".bars")
        assert served.get(f"/predictions/{identity}", headers={"Accept": "application/json"}).json["id"] == identity
        csv = served.get(f"/predictions/{identity}", headers={"Accept": "text/csv"})
        assert csv.text.splitlines()[1].startswith(identity)
        assert served.get(f"/models/new?from={identity}").forms["try"]["f0"].value == "0"


def test_the_list_is_filtered_and_paged_as_the_api_is(app: Served) -> None:
    made = [app.predict("line", [[n, n]], reference=f"list {n % 2}").json["id"] for n in range(5)]
    page = app.get("/models/line/predictions?reference=list+0&limit=2&since=&version=1")
    assert_sound(page.html)

    def listed(page: Any) -> list[str]:
        return [row.a["href"].rpartition("/")[2] for row in page.html.select("main tbody tr")]

    assert listed(page) == [made[4], made[2]]
    older = page.click("Older")
    assert listed(older) == [made[0]]
    assert older.click("Newest").html.select("main tbody tr")
    assert page.html.select_one("[name=reference]")["value"] == "list 0"
    assert listed(app.get("/models/line/predictions?since=2999-01-01")) == []
    wrong = app.get("/models/line/predictions?limt=1", status=400)
    assert "limt" in wrong.html.main.text


def test_the_addresses_answer_data_to_those_who_ask_for_it(app: Served) -> None:
    identity = app.predict("line", [[1, 2], [3, 4]]).json["id"]
    for address in ("/models/line/predictions", f"/predictions/{identity}"):
        json_headers, csv_headers = {"Accept": "application/json"}, {"Accept": "text/csv"}
        assert app.get(address, headers=json_headers).content_type == "application/json"
        csv = app.get(address, headers=csv_headers)
        assert csv.content_type == "text/csv"
        assert csv.text.count(identity) == 2
        assert "Accept" in csv.headers["Vary"]
    api = app.get("/api/v1/models/line/predictions?limit=2", headers={"Accept": "application/json"}).json
    assert app.get("/models/line/predictions?limit=2", headers={"Accept": "application/json"}).json == api


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/models/nix", 404),
        ("GET", "/models/nix/predictions", 404),
        ("GET", f"/predictions/{UNKNOWN_ID}", 404),
        ("GET", "/predictions/%3Cscript%3E", 404),
        ("DELETE", "/models/line", 405),
        ("POST", "/", 405),
        ("POST", "/models/line/predictions", 405),
    ],
)
def test_a_failure_is_a_page_for_people_and_a_problem_for_programs(
    app: Served, method: str, address: str, status: int
) -> None:
    page = app.request(address, method=method, status=status)
    assert_sound(page.html)
    assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert page.headers["X-Request-Id"] in page.text
    problem = app.request(address, method=method, status=status, headers={"Accept": "*/*"})
    assert problem.content_type == "application/problem+json"
    assert problem.headers.get("Allow") == page.headers.get("Allow")
    assert (page.headers.get("Allow") is None) is (status != 405)


def test_the_api_answers_problems_even_to_browsers(app: Served) -> None:
    assert app.get("/api/v1/models/nix", status=404).content_type == "application/problem+json"
    assert app.get("/api/v1/nothing", status=404).content_type == "application/problem+json"


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


def test_a_model_that_did_not_load_says_why(tmp_path: Path) -> None:
    with serving(settings_of(tmp_path, models={})) as served:
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        served.application.live.put(LiveModel("broken", "linear", None, "its <file> is gone"))
        card = served.get("/").html.select_one("article.failed")
        assert "It does not answer: its <file> is gone" in card.text
        page = served.get("/models/broken")
        assert_sound(page.html)
        assert "its <file> is gone" in page.html.main.text
        refused = served.post("/models/broken", {"f0": "1"}, status=503)
        assert_sound(refused.html)
        assert refused.headers["Retry-After"]
        assert_sound(served.get("/models/broken/predictions").html)


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


def test_what_the_log_does_not_keep_is_named_and_not_shown(tmp_path: Path) -> None:
    path = linear_model(tmp_path)
    inputs = [{"name": "x", "keep": "omit"}, {"name": "y", "keep": "hash"}]
    Path(f"{path}.signature.json").write_text(json.dumps({"inputs": inputs}))
    with serving(settings_of(tmp_path, models={"line": path})) as served:
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        form = served.get("/models/line").forms["try"]
        form["f0"], form["f1"] = "40.5", "50.25"
        made = form.submit()
        assert {"40.5", "50.25"} <= {cell.text.strip() for cell in made.html.select("#answer .bars td")}
        kept = made.click("This prediction")
        shown = kept.html.select_one("[aria-labelledby=inputs-title]").text
        assert "kept as a hash only" in shown
        assert "not kept" in shown
        assert "40.5" not in kept.text
        assert "50.25" not in kept.text
        assert "sha256" not in kept.text
        again = served.get(f"/models/line?from={kept.html.find(id='id').text}")
        assert [again.forms["try"][name].value for name in ("f0", "f1")] == ["", ""]
        assert "Not kept, and so left empty: x, y." in again.html.find(role="status").text


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


def test_an_empty_server_says_what_to_write(tmp_path: Path) -> None:
    with serving(settings_of(tmp_path, models={})) as served:
        page = served.get("/", headers={"Accept": HTML})
        assert_sound(page.html)
        assert "mlserve.models.flight-delay" in page.html.main.text


def test_the_pages_can_be_left_out(tmp_path: Path) -> None:
    models = {"line": linear_model(tmp_path)}
    with serving(settings_of(tmp_path, models=models, dashboard__enabled="false")) as served:
        for address in ("/", "/models/line", "/docs", "/static/x/mlserve.css"):
            served.get(address, status=404)
        served.predict("line", [[1, 2]])


def embedded(folder: Path, prefix: str | None) -> TestApp:
    config = Configurator(settings=settings_of(folder, models={"line": linear_model(folder)}))
    config.add_route("home", "/")
    config.add_view(lambda request: "theirs", route_name="home", renderer="string")
    config.set_default_csrf_options(require_csrf=True)  # A host whose own forms need its session.
    config.include("mlserve", route_prefix=prefix)
    return TestApp(config.make_wsgi_app(), extra_environ={"HTTP_ACCEPT": HTML})


def test_inside_another_application_the_pages_stand_below_the_prefix(tmp_path: Path) -> None:
    app = embedded(tmp_path, "ml")
    try:
        assert app.get("/").text == "theirs"
        page = app.get("/ml/models/line")
        assert_sound(page.html)
        links = [tag["href"] for tag in page.html.select("a[href^='/'], link[href^='/']")]
        assert all(link.startswith("/ml/") for link in links)
        assert "/ml/api/v1/models/line/predictions" in page.html.find(id="curl").text
        assert "path=/ml" in page.headers["Set-Cookie"].lower()
        answered = page.forms["try"].submit()
        assert answered.click("This prediction").html.h1.text == "Prediction"
        assert app.get("/ml/models/nix", status=404).html.h1.text == "Not Found"
        assert app.get("/nothing", status=404).html.find("main") is None
        mounted = app.get("/ml/models/line", extra_environ={"SCRIPT_NAME": "/site"})
        assert mounted.forms["try"].action.startswith("/site/ml/models/line")
    finally:
        app.app.registry.mlserve.stop()


def test_inside_another_application_without_a_prefix_there_are_no_pages(tmp_path: Path) -> None:
    app = embedded(tmp_path, None)
    try:
        assert app.get("/").text == "theirs"
        app.get("/models/line", status=404)
        assert app.get("/api/v1/models", headers={"Accept": "*/*"}).json["models"]
    finally:
        app.app.registry.mlserve.stop()


def test_plugins_add_panels_and_replace_templates(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    settings["mlserve.plugins"] = "mlserve_linear mlserve_pages"
    with serving(settings) as served, caplog.at_level(logging.ERROR):
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        page = served.get("/models/line")
        assert_sound(page.html)
        panels = [panel.get_text(" ", strip=True) for panel in page.html.select("section.panel")]
        assert panels == [
            "Counted <b>2</b> inputs of line",
            "The panel broken view cannot be shown; the server's log says why.",
            "The panel broken template cannot be shown; the server's log says why.",
        ]
        assert "secret" not in page.text
        failed = [record for record in caplog.records if record.message == "panel_failed"]
        assert [record.fields["panel"] for record in failed] == ["broken view", "broken template"]  # type: ignore[attr-defined]
        assert served.get("/nothing", status=404).html.h1.text == "Our own words for 404"


def test_two_panels_of_one_name_are_refused(tmp_path: Path) -> None:
    from pyramid.exceptions import ConfigurationConflictError

    def first(config: Configurator) -> None:
        config.add_model_panel("same", template="x:y", view=lambda request, model: None)

    def second(config: Configurator) -> None:
        config.add_model_panel("same", template="x:z", view=lambda request, model: None)

    def both(config: Configurator) -> None:
        config.include(first)
        config.include(second)

    settings = settings_of(tmp_path, models={})
    with pytest.raises(ConfigurationConflictError, match="mlserve panel"), serving(settings, both):
        pass


def test_htmx_is_answered_with_the_same_page(app: Served) -> None:
    page = app.get("/models/line")
    form = page.html.find(id="try")
    assert form["hx-select"] == "#try"
    assert {"#answer", "#code", "#last"} == set(form["hx-select-oob"].split(","))
    assert json.loads(page.html.find("meta", {"name": "htmx-config"})["content"])["allowEval"] is False
    refused = app.post("/models/line", {"f0": "1"}, headers={"HX-Request": "true", "Accept": "*/*"}, status=400)
    assert_sound(refused.html)
