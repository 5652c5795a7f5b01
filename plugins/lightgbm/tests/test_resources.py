"""The family's own resources and its panel, in a whole application."""

import json

import pytest
from webtest import TestApp

import mlserve


@pytest.fixture
def app(zoo, tmp_path):
    settings = {
        "mlserve.plugins": "lightgbm",
        "mlserve.var": str(tmp_path / "var"),
        "mlserve.models.delay": str(zoo("frame").path),
    }
    application = mlserve.main({}, **settings)
    yield TestApp(application)
    application.registry.mlserve.stop()


def test_predicts_explains_and_tells_of_its_trees(app, zoo):
    row = {"city": "Oslo", "distance": 100.5, "stops": 2, "weekend": 1, "gate": "10"}
    answer = app.post_json("/api/v1/models/delay/predictions", {"instances": [row]}).json
    assert isinstance(answer["outputs"][0]["value"], float)
    importance = app.get("/api/v1/models/delay/importance").json["importance"]
    assert set(importance) == {"gain", "split"}
    tree = app.get("/api/v1/models/delay/trees/0").json
    assert tree["trees"] == zoo("frame").reference().num_trees()
    assert "at_most" in json.dumps(tree["root"])
    drawing = app.get("/api/v1/models/delay/trees/0/drawing")
    assert drawing.content_type == "image/svg+xml"
    assert "≤" in drawing.text
    app.get("/api/v1/models/delay/trees/99", status=404)
    explained = app.post_json("/api/v1/models/delay/explanations", {"instances": [row]}).json
    assert explained["explanation"]["method"] == "treeshap"
