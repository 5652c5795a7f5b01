"""The family's own resources in the real application: importance and trees."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import jsonschema
import pytest
from webtest import TestApp

import mlserve
from mlserve.trees import IMPORTANCE, TREE, drawing

SVG = {"Accept": "image/svg+xml"}
FRUITS = ["apple", "banana", "cherry"]


@pytest.fixture
def app(zoo, tmp_path) -> Iterator[TestApp]:
    """A model of each kind that the resources differ for."""
    names = {"fruit": "softprob-3", "flights": "frame-partition", "line": "linear", "lines": "linear-softprob"}
    names |= {"vectors": "two-targets-vector-leaves"}
    copies = {name: shutil.copy(zoo(animal).path, tmp_path) for name, animal in names.items()}
    sidecar = {"outputs": [{"name": "probability", "categories": FRUITS}]}
    (tmp_path / f"{zoo('softprob-3').path.name}.signature.json").write_text(json.dumps(sidecar))
    models = {f"mlserve.models.{name}": str(copy) for name, copy in copies.items()}
    settings = {"mlserve.plugins": "xgboost", "mlserve.var": str(tmp_path / "var")}
    wsgi = mlserve.main({"here": str(tmp_path)}, **settings, **models)
    yield TestApp(wsgi)
    wsgi.registry.mlserve.stop()


def schema_of(operation, app, model):
    application = app.app.registry.mlserve
    answer = operation.answer
    return answer(application.live.get(model).loaded(), application.limits) if callable(answer) else answer


def test_a_tree_has_the_names_of_the_signature(app, zoo):
    tree = app.get("/api/v1/models/flights/trees/3").json
    assert (tree["model"], tree["version"], tree["number"], tree["round"], tree["trees"]) == ("flights", 1, 3, 3, 8)
    assert (tree["used"], tree["weight"], tree["block"], tree["name"]) == (True, 1, 0, None)
    dump = json.loads(zoo("frame-partition").reference().get_dump(dump_format="json", with_stats=True)[3])
    assert (tree["root"]["field"], tree["root"]["id"]) == (dump["split"], 0)
    assert tree["digest"] == app.get("/api/v1/models/flights").json["digest"]
    assert app.get("/api/v1/models/flights/trees/0").json["root"]["yes"]["among"] == ["30"]


def test_a_tree_says_which_class_it_is_for(app):
    tree = app.get("/api/v1/models/fruit/trees/4").json
    assert (tree["round"], tree["block"], tree["name"]) == (1, 1, "banana")
    drawn = app.get("/api/v1/models/fruit/trees/4", headers=SVG).text
    assert "<title>Tree 4 of 0 to 23 of fruit version 1, round 1, for banana</title>" in drawn


@pytest.mark.parametrize("model", ["fruit", "flights", "vectors"])
def test_answers_are_as_they_are_described(app, model):
    for operation, path in ((TREE, "trees/1"), (IMPORTANCE, "importance")):
        answer = app.get(f"/api/v1/models/{model}/{path}").json
        schema = schema_of(operation, app, model)
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(answer, schema)
        assert {*answer} == {*schema["properties"]}


@pytest.mark.parametrize("model", ["line", "lines"])
def test_a_linear_model_has_weights_and_no_trees(app, model):
    importance = app.get(f"/api/v1/models/{model}/importance").json
    jsonschema.validate(importance, schema_of(IMPORTANCE, app, model))
    assert [*importance["importance"]] == ["weight"]
    refused = app.get(f"/api/v1/models/{model}/trees/0", status=409)
    assert refused.json["code"] == "not_supported"


def test_the_caller_chooses_json_or_a_drawing(app):
    path = "/api/v1/models/flights/trees/0"
    drawn = app.get(path, headers=SVG)
    assert drawn.content_type == "image/svg+xml"
    assert drawn.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert drawn.headers.getall("X-Content-Type-Options") == ["nosniff"]
    ElementTree.fromstring(drawn.body)
    told = app.get(path, headers={"Accept": "image/svg+xml;q=0.5, application/json"})
    assert told.content_type == "application/json"
    assert drawn.headers["Vary"] == told.headers["Vary"] == "Accept"
    # As a browser asks for what stands in an <img>.
    image = app.get(path, headers={"Accept": "image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8"})
    assert image.content_type == "image/svg+xml"
    assert app.get(path, headers={"Accept": "text/csv"}, status=406).json["code"] == "not_acceptable"


@pytest.mark.parametrize("number", ["8", "-1", "first", "0.5", "99999999999999999999", "%D9%A1", "1%0A"])
def test_a_number_that_no_tree_has_is_not_found(app, number):
    for headers in ({}, SVG):
        missing = app.get(f"/api/v1/models/flights/trees/{number}", headers=headers, status=404)
        assert missing.json["code"] == "not_found"
        assert missing.json["detail"].endswith("this model's trees are numbered from 0 to 7.")


def test_a_drawing_of_a_large_tree_is_refused_in_a_sentence(app, monkeypatch):
    monkeypatch.setattr(drawing, "MAX_NODES", 5)
    refused = app.get("/api/v1/models/flights/trees/0", headers=SVG, status=409)
    assert "a drawing at most 5: ask for application/json" in refused.json["detail"]
    assert app.get("/api/v1/models/flights/trees/0").json["nodes"] > 5
