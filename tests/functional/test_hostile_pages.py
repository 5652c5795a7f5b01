"""Names, units, categories, references and inputs that try to break out of a page: none does.

The pages are parsed, and what is hostile must be found as text, whole, where text belongs.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.hostile import call
from tests.functional.pages import HTML, assert_sound
from tests.functional.servers import served

SCRIPT = "<script>alert(1)</script>"
HOSTILE = [
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</textarea></select></title></style><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}}${7*7}{% raw %}",
    "‮gnitset⁦ rtl",
    "`id`$(touch pwned);'\"\\\n&|",
    "-->]]><!--",
    "é 漢字 🛫 \u200b",
    "&lt;b&gt;&amp;",
    " ",
    "%0d%0aSet-Cookie: a=b",
]
LONG = "long " * 2000
CATEGORIES = [*HOSTILE, LONG, '""', '"quoted"', ""]


def hostile_model(folder: Path) -> Path:
    """A linear model whose signature says nothing nice; its fields are numbers with hostile names, units and texts."""
    path = linear_model(folder, "hostile", **dict.fromkeys(HOSTILE[:-2], 1.0))
    inputs = [
        {"name": name, "unit": HOSTILE[-1 - place], "description": HOSTILE[place] + LONG, "nullable": True}
        for place, name in enumerate(HOSTILE[:-2])
    ]
    output = {"name": "value", "unit": SCRIPT, "description": HOSTILE[1]}
    sidecar = {"inputs": inputs, "outputs": [output]}
    Path(f"{path}.signature.json").write_text(json.dumps(sidecar))
    Path(f"{path}.metrics.json").write_text(json.dumps({SCRIPT: {SCRIPT: 1.5}, "note": SCRIPT, "list": HOSTILE}))
    return path


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("hostile")
    models = {"hostile": hostile_model(folder), "texts": texts_model(folder)}
    settings = settings_of(folder, models=models)
    settings["mlserve.plugins"] = "mlserve_linear mlserve_texts"
    with serving(settings) as application:
        application.extra_environ = {"HTTP_ACCEPT": HTML}
        yield application


def texts_model(folder: Path) -> Path:
    path = folder / "texts.texts"
    path.write_text(json.dumps({"categories": CATEGORIES}))
    return path


def assert_unbroken(html: Any) -> None:
    """Nothing but our own elements, and no address that is not one of ours."""
    assert_sound(html)
    assert not html.find_all(["img", "iframe", "object", "embed", "base"])
    assert len(html.find_all("script")) == 2
    for tag in html.select("[href], [src], [action], [hx-post]"):
        for name in ("href", "src", "action", "hx-post"):
            address = tag.get(name, "/")
            assert address.startswith(("/", "#", "data:,")), tag


def test_a_hostile_signature_stays_text(app: Served) -> None:
    html = app.get("/models/hostile").html
    assert_unbroken(html)
    names = [label.bdi.text for label in html.select("#try label")]
    assert names[: len(HOSTILE) - 2] == [name if len(name) <= 60 else name[:59] + "…" for name in HOSTILE[:-2]]
    assert all(label.find_parent().find(["input"])["name"] for label in html.select("#try label"))
    assert "49" not in html.find(id="try").text


def test_a_hostile_signature_s_answer_and_errors_stay_text(app: Served) -> None:
    form = app.get("/models/hostile").forms["try"]
    page = form.submit()
    assert_unbroken(page.html)
    assert_unbroken(page.click("This prediction").html)
    assert_unbroken(page.click("All predictions").html)
    form["f0"].force_value(f'"{SCRIPT}')
    refused = form.submit(status=422)
    assert_unbroken(refused.html)
    assert refused.html.find(id="f0")["value"] == f'"{SCRIPT}'
    assert SCRIPT in refused.html.find(id="errors").text


@pytest.mark.parametrize("given", [*HOSTILE, LONG, "", '"x', "null"], ids=range(len(HOSTILE) + 4))
def test_a_hostile_input_comes_back_as_it_was(app: Served, given: str) -> None:
    shown = (
        given if given and not given.startswith('"') and "\n" not in given else json.dumps(given, ensure_ascii=False)
    )
    form = app.get("/models/texts").forms["try"]
    form["f0"] = shown
    page = form.submit()
    assert_unbroken(page.html)
    made = page.click("This prediction")
    assert_unbroken(made.html)
    kept = app.get(made.request.path, headers={"Accept": "application/json"}).json
    assert kept["inputs"][0]["text"] == given
    again = made.click("Use these inputs again").forms["try"]
    assert again["f0"].value == shown


@pytest.mark.parametrize("category", CATEGORIES, ids=range(len(CATEGORIES)))
def test_a_hostile_category_can_be_chosen(app: Served, category: str) -> None:
    page = app.get("/models/texts")
    assert_unbroken(page.html)
    options = page.html.select("#f1 option")
    form = page.forms["try"]
    form["f1"] = options[CATEGORIES.index(category)]["value"]
    answered = form.submit()
    assert_unbroken(answered.html)
    kept = app.get(answered.html.find(id="made")["href"], headers={"Accept": "application/json"}).json
    assert kept["inputs"][0]["kind"] == category


def test_nul_is_refused_at_its_field(app: Served) -> None:
    form = app.get("/models/texts").forms["try"]
    form["f0"] = "a\0b"
    refused = form.submit(status=422)
    assert "NUL" in refused.html.find(id="f0-fault").text


@pytest.mark.parametrize("reference", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_reference_is_listed_and_searched(app: Served, reference: str) -> None:
    identity = app.predict("texts", [{"text": "a", "kind": ""}], reference=reference).json["id"]
    page = app.get("/models/texts/predictions", {"reference": reference})
    assert_unbroken(page.html)
    assert [row.a["href"] for row in page.html.select("main tbody tr")] == [f"/predictions/{identity}"]
    assert_unbroken(app.get(f"/predictions/{identity}").html)


@pytest.mark.parametrize(
    "address", ["/models/{}", "/predictions/{}", "/models/hostile/predictions?reference={}", "/{}"]
)
def test_a_hostile_address_is_a_sound_page(app: Served, address: str) -> None:
    for hostile in ("%3Cscript%3Ealert(1)%3C/script%3E", "%22onload=%22x", "..%2f..%2fetc", "%00", "x" * 5000):
        page = app.get(address.format(hostile), expect_errors=True)
        assert page.status_int in (200, 400, 404), page.status
        assert_unbroken(page.html)


@pytest.mark.parametrize("path", ["/models/\xff", "/predictions/\xff", "/\xff", "/\xed\xa0\x80"])
def test_an_address_that_is_not_utf_8_is_a_page(app: Served, path: str) -> None:
    reply = call(app, "GET", path, headers={"Accept": HTML})
    assert reply.status == 400
    assert_unbroken(BeautifulSoup(reply.body, "html.parser"))


def test_a_hostile_host_does_not_break_out_of_the_snippets(app: Served) -> None:
    page = app.get("/models/texts", headers={"Host": "h\"'><script>$(id)"})
    assert_unbroken(page.html)
    assert "'http://h\"'" in page.html.find(id="curl").text


def test_the_snippets_run_and_make_the_same_prediction(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"texts": texts_model(tmp_path)})
    settings["mlserve.plugins"] = "mlserve_texts"
    with served(tmp_path / "server.ini", settings) as server:
        for place, hostile in enumerate([*HOSTILE, LONG]):
            instance = {"text": hostile, "kind": CATEGORIES[place]}
            made = server.call("POST", "/api/v1/models/texts/predictions", {"instances": [instance]}).json
            page = Page(server.call("GET", f"/models/texts?from={made['id']}", headers={"Accept": HTML}).body)
            for command in (["bash", "-c", page.text("curl")], [sys.executable, "-c", page.text("python")]):
                run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
                assert run.returncode == 0, run.stderr
                identity = run.stdout.partition("'id': '" if "'id'" in run.stdout else '"id":"')[2][:36]
                kept = server.call("GET", f"/api/v1/models/texts/predictions/{identity}").json
                assert kept["inputs"] == [instance]
                assert kept["outputs"] == made["outputs"]
    assert not (tmp_path / "pwned").exists()


class Page:
    """A page's texts by id, as a browser would copy them."""

    def __init__(self, body: bytes) -> None:
        self.html = BeautifulSoup(body, "html.parser")

    def text(self, identity: str) -> str:
        found = self.html.find(id=identity)
        assert found is not None
        return str(found.text)


def test_wide_signatures_and_long_lists_stay_usable(tmp_path: Path) -> None:
    wide = linear_model(tmp_path, "wide", **{f"x{number}": 1.0 for number in range(500)})
    (tmp_path / "many.texts").write_text(json.dumps({"categories": [f"c{number}" for number in range(1000)]}))
    settings = settings_of(tmp_path, models={"wide": wide, "many": tmp_path / "many.texts"})
    settings["mlserve.plugins"] = "mlserve_linear mlserve_texts"
    with serving(settings) as app:
        app.extra_environ = {"HTTP_ACCEPT": HTML}
        app.get("/models/wide")  # The templates are compiled now.
        started = time.thread_time()  # Not of the clock: other tests run beside this one.
        page = app.get("/models/wide")
        seconds = time.thread_time() - started
        assert seconds < 2
        assert len(page.html.select("#try > .fields .field")) <= 40
        assert len(page.html.select("#try > details")) == 12
        assert not page.html.select("#try > details[open]")
        form = page.forms["try"]
        form["f499"].force_value("x")
        refused = form.submit(status=422)
        assert refused.html.select_one("#try > details[open] #f499")
        many = app.get("/models/many")
        assert len(many.html.select("datalist#f1-list option")) == 1000
        assert not many.html.select("select")
