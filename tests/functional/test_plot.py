"""The plot over a model's kept predictions, as a browser without JavaScript sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.pages import HTML, assert_sound

HOSTILE = "</figure><script>alert('\"&1')</script>"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    path = linear_model(tmp_path)
    Path(f"{path}.signature.json").write_text(json.dumps({"outputs": [{"name": "value", "unit": HOSTILE}]}))
    with serving(settings_of(tmp_path, models={"line": path})) as served:
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        yield served


def test_the_answers_of_the_filter_are_drawn_and_told(app: Served) -> None:
    for x in (1, 2, 4):
        app.predict("line", [[x, 0]], reference="odd" if x == 1 else "even")
    page = app.get("/models/line/predictions")
    assert_sound(page.html)
    figure = page.html.find("figure")
    (told,) = figure.figcaption.find_all("p")
    assert told.text.startswith("value")
    assert told.text.endswith(" of 3 instances: minimum 3, median 5, maximum 9.")
    drawn = json.loads(figure["data-plot"])
    assert drawn["versions"] == [1, 1, 1]
    assert drawn["times"] == sorted(drawn["times"])
    assert drawn["outputs"] == [{"name": "value", "unit": HOSTILE, "span": None, "values": [3.0, 5.0, 9.0]}]
    assert not figure.find("select")
    even = app.get("/models/line/predictions?reference=even").html.find("figure")
    assert json.loads(even["data-plot"])["outputs"][0]["values"] == [5.0, 9.0]


def scripts(page: Any) -> list[str]:
    return [tag["src"].rpartition("/")[2] for tag in page.html.find_all("script")]


def test_the_script_is_loaded_where_there_is_a_plot(app: Served) -> None:
    app.predict("line", [[1, 0]])
    alone = app.get("/models/line/predictions")
    assert not alone.html.find("figure")
    assert scripts(alone) == scripts(app.get("/models/line")) == ["htmx.min.js", "mlserve.js"]
    app.predict("line", [[2, 0]])
    both = app.get("/models/line/predictions")
    assert scripts(both) == ["htmx.min.js", "mlserve.js", "uPlot.iife.min.js", "plot.js"]
    assert [link["href"].rpartition("/")[2] for link in both.html.select("link[rel=stylesheet]")][-1] == "uPlot.min.css"
    assert scripts(app.get("/models/line")) == ["htmx.min.js", "mlserve.js"]
    for source in both.html.find_all("script"):
        assert app.get(source["src"]).content_type == "text/javascript"


def test_a_plot_is_of_the_newest_and_only_the_first_page_has_it(app: Served) -> None:
    app.predict("line", [[-1, 0]])
    app.predict("line", [[x, 0] for x in range(501)])
    page = app.get("/models/line/predictions?limit=1")
    assert " of the newest 500 instances: minimum 1, median 500, maximum 999." in page.html.figcaption.text
    assert not page.click("Older").html.find("figure")
