"""The pages on the real application, as a browser without JavaScript sees them."""

import json
import logging
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator
from webtest import TestApp

from mlserve.dashboard.page import CONTENT_SECURITY_POLICY
from mlserve.inference import LiveModel
from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.hostile import UNKNOWN_ID
from tests.functional.pages import HTML, assert_sound, paged

INSTANCES = [
    {"distance": None, "stops": 3, "weekend": True},
    {"city": "Oslo", "distance": 5, "stops": 1, "weekend": False},
]
ADDRESSES = ("/", "/models/line", "/models/flights", "/models/flights/predictions", "/docs", "/models/flights/docs")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with paged(tmp_path_factory.mktemp("pages")) as served:
        yield served


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


def test_columns_without_content_are_left_out(app: Served) -> None:
    page = app.get("/models/flights").html

    def columns(table: Any) -> list[str]:
        return [cell.text for cell in table.select("thead th")]

    inputs, outputs = page.select("[aria-labelledby=signature-title] table")
    assert columns(inputs) == ["Field", "Type", "Allowed"]
    assert columns(outputs) == ["Output", "Type", "Classes", "Meaning"]
    assert columns(app.get("/models/line").html.select("[aria-labelledby=signature-title] table")[1])[2:] == []
    for table in (inputs, outputs):
        assert all(len(row.select("th, td")) == len(columns(table)) for row in table.select("tbody tr"))
    app.predict("flights", INSTANCES)
    list_of = "/models/flights/predictions?reference="
    assert columns(app.get("/models/flights").html.select_one(".predictions"))[:3] == ["Made", "Outputs", "Version"]
    app.predict("flights", INSTANCES, reference="columns")
    assert columns(app.get(f"{list_of}columns").html.select_one(".predictions"))[3:] == ["Reference"]


def test_what_is_to_be_reported_is_told_as_a_command(app: Served) -> None:
    identity = app.predict("flights", INSTANCES[:1]).json["id"]
    page = app.get(f"/predictions/{identity}")
    words = shlex.split(page.html.find(id="report").text.replace("\\\n", ""))
    assert words[:4] == ["curl", "-s", "-X", "PUT"]
    assert_sound(page.html)
    reported = app.put(
        words[4].removeprefix("http://localhost"), words[-1].encode(), {"Content-Type": "application/json"}
    )
    assert list(reported.json["actuals"]) == ["label"]
    assert not app.get(f"/predictions/{identity}").html.find(id="report")
    many = app.predict("line", [[1, 2]] * 1000).json["id"]
    assert f"PUT /api/v1/models/line/predictions/{many}/actuals" in app.get(f"/predictions/{many}").html.main.text


def test_a_kept_number_reads_as_it_was_sent(app: Served) -> None:
    identity = app.predict("line", [[77, 2]], explain=True).json["id"]
    page = app.get(f"/predictions/{identity}").html
    assert page.select_one("[aria-labelledby=inputs-title] tbody td").text.strip() == "77"
    assert "77.0" not in page.main.text


def test_a_page_that_is_not_there_speaks_of_no_api(app: Served) -> None:
    page = app.get("/models", status=404)
    assert "There is nothing at this address." in page.html.main.text
    assert "/api/" not in page.html.main.text
    problem = app.get("/models", status=404, headers={"Accept": "application/json"})
    assert "/api/v1/models lists the models" in problem.json["detail"]


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


def test_a_model_that_is_not_served_any_more_keeps_its_predictions_pages(tmp_path: Path) -> None:
    linear_model(tmp_path)
    old = {"old": tmp_path / "line.linear"}
    with serving(settings_of(tmp_path, models=old)) as served:
        identity = served.predict("old", [[1, 2]]).json["id"]
        served.delete("/api/v1/models/old/aliases/champion", headers={"If-Match": '"1"'})
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


def test_without_the_pages_nothing_of_them_is_loaded(tmp_path: Path) -> None:
    settings = {**settings_of(tmp_path, models={}, dashboard__enabled="false"), "mlserve.plugins": "xgboost"}
    code = f"""
import sys
from mlserve.startup import build
build({settings!r}, here=None)
print(*(name for name in sys.modules if name.startswith(("jinja2", "mlserve.dashboard"))))
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["mlserve.dashboard"]


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
    settings["mlserve.plugins"] = "mlserve_linear xgboost mlserve_pages"

    def configure(config: Configurator) -> None:
        for family in ("xgboost", "linear"):
            config.add_model_panel("inputs", template="mlserve_pages:templates/panel.jinja2", view=count, family=family)
        config.add_model_panel("waiting", template="mlserve_pages:templates/panel.jinja2", view=wait)

    def wait(request: Any, model: LiveModel) -> dict[str, str]:
        with LiveModel(model.name, model.family).using_predictor():  # No version of it answers: there is no panel.
            return {"text": "never shown"}

    def count(request: Any, model: LiveModel) -> dict[str, str]:
        return {"text": f"for {model.family}"}

    with serving(settings, configure) as served, caplog.at_level(logging.ERROR):
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        page = served.get("/models/line")
        assert_sound(page.html)
        panels = [panel.get_text(" ", strip=True) for panel in page.html.select("section.panel")]
        assert panels == [
            "Counted <b>2</b> inputs of line",
            "The panel broken view cannot be shown; the server's log says why.",
            "The panel broken template cannot be shown; the server's log says why.",
            "Counted for linear of line",
        ]
        assert "secret" not in page.text
        failed = [record for record in caplog.records if record.message == "panel_failed"]
        assert [record.fields["panel"] for record in failed] == ["broken view", "broken template"]  # type: ignore[attr-defined]
        assert served.get("/nothing", status=404).html.h1.text == "Our own words for 404"
