"""The family's panel on a model's page."""

import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
import xgboost
from webtest import TestApp
from xgboost_zoo import FRAME, MATRIX, to_dmatrix

import mlserve
from mlserve.errors import ModelNotReady
from mlserve.inference import LiveModel
from mlserve.inference.users import Users
from mlserve.trees.panel import SHOWN, rows_of
from mlserve_xgboost.panel import xgboost_panel

HOSTILE = "<script>alert(1)</script>\"' onload=x {{7*7}}"


class Page(HTMLParser):
    """What stands in a page: its tags with their attributes, and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("td", "th"):
            self.inside = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data.strip()

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def app(zoo, tmp_path) -> Iterator[TestApp]:
    names = {"flights": "frame-partition", "line": "linear-softprob"}
    copies = {name: shutil.copy(zoo(animal).path, tmp_path) for name, animal in names.items()}
    copies["hostile"] = tmp_path / "hostile.ubj"
    xgboost.train({"nthread": 1}, to_dmatrix(MATRIX, MATRIX[:, 5] > 0), 1).save_model(copies["hostile"])
    names = [*(f"f{at}" for at in range(5)), HOSTILE]  # The file has no names, so that the sidecar gives them.
    sidecar = {"inputs": [{"name": name, "type": "float32", "nullable": True} for name in names]}
    (tmp_path / "hostile.ubj.signature.json").write_text(json.dumps(sidecar))
    models = {f"mlserve.models.{name}": str(copy) for name, copy in copies.items()}
    wsgi = mlserve.main(
        {"here": str(tmp_path)}, **{"mlserve.plugins": "xgboost", "mlserve.var": str(tmp_path / "var")}, **models
    )
    yield TestApp(wsgi)
    wsgi.registry.mlserve.stop()


def test_the_page_of_a_model_shows_what_it_goes_by(app):
    page = Page(app.get("/models/flights").text)
    importance = app.get("/api/v1/models/flights/importance").json["importance"]
    gains = importance["gain"]
    for field in FRAME:
        cells = page.cells[page.cells.index(field, page.cells.index("Cover")) :]
        assert cells[2:5] == [f"{importance[kind][field]:.4g}" for kind in ("gain", "weight", "cover")]
    fields = [cell for cell in page.cells[page.cells.index("Cover") :] if cell in gains][: len(gains)]
    assert fields == sorted(gains, key=lambda field: -gains[field])
    (image,) = page.named("img")
    drawn = app.get(image["src"], headers={"Accept": "text/html,*/*;q=0.8"})
    assert drawn.content_type == "image/svg+xml"
    assert {"href": image["src"]} in page.named("a")
    assert not [attributes for _, attributes in page.tags if "style" in attributes]


def test_the_table_is_laid_out_as_the_page_s_own(app):
    """Numbers below one another to the right, and a bar that the stylesheet stretches."""
    panel = app.get("/models/flights").text.partition("What the model goes by")[2].partition("<details>")[0]
    cells = [attributes.get("class") for tag, attributes in Page(panel).tags if tag in ("td", "th")]
    assert cells == [None, None, "num", "num", "num"] + [None, "room", "num", "num", "num"] * len(FRAME.columns)


def test_a_linear_model_has_weights_and_no_drawing(app):
    text = app.get("/models/line").text
    assert "what the field&#39;s value is multiplied with" in text
    assert Page(text).named("img") == []


def test_a_hostile_name_stays_text(app):
    page = Page(app.get("/models/hostile").text)
    assert page.cells[page.cells.index("Cover") + 1] == HOSTILE
    assert "alert(1)" not in "".join(str(attributes) for attributes in page.named("script"))
    assert app.get("/api/v1/models/hostile/trees/0").json["root"]["field"] == HOSTILE


def test_a_model_of_one_leaf_has_empty_bars():
    assert [row.share for row in rows_of({"gain": {"a": 0.0, "b": 0.0}})] == [0, 0]


def test_nothing_is_shown_while_no_version_answers():
    with pytest.raises(ModelNotReady):
        xgboost_panel(None, LiveModel("late", "xgboost", None, "broken"))


def test_a_long_list_is_folded(tmp_path, family, load):
    """A page of hundreds of fields shows the dozen that matter."""
    wide = xgboost.DMatrix(MATRIX.reshape(60, 100), MATRIX[:60, 0] > 0, nthread=1)
    path = tmp_path / "wide.ubj"
    xgboost.train({"nthread": 1}, wide, 1).save_model(path)
    loaded = SimpleNamespace(predictor=load(path), users=Users())
    request = SimpleNamespace(route_path=lambda name, **parts: f"/{name}")
    shown = xgboost_panel(request, LiveModel("wide", "xgboost", loaded))
    assert (len(shown["top"]), len(shown["rest"])) == (SHOWN, 100 - SHOWN)
    assert shown["drawing"] == "/xgboost.trees/{number}/drawing"
