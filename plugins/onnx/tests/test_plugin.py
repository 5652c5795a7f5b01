"""The plugin inside the real application: its resources, its panel and its packaging."""

import importlib.util
from html.parser import HTMLParser
from importlib.metadata import entry_points

import numpy as np
import onnx_samples
import pytest
from pyramid.config import Configurator

import mlserve_onnx
from mlserve.errors import ConfigurationError
from mlserve.testing import serving, settings_of


class Text(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


@pytest.fixture
def app(tmp_path):
    path = onnx_samples.contract_artefact(tmp_path)
    with serving(settings_of(tmp_path, plugins="onnx", models={"fruit": path})) as served:
        yield served


def test_answers_over_http_are_the_library_s(app, tmp_path):
    rows = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32).tolist()
    instances = [dict(zip(onnx_samples.COLUMNS, row, strict=True)) for row in rows]
    outputs = app.predict("fruit", instances).json["outputs"]
    expected = onnx_samples.library_answers(tmp_path / "model.onnx", instances)
    assert [output["output_label"] for output in outputs] == expected["output_label"].tolist()
    found = [list(output["output_probability"].values()) for output in outputs]
    assert np.array(found, np.float32).tobytes() == expected["output_probability"].tobytes()


def test_the_graph_is_a_resource_of_the_model(app):
    graph = app.get("/api/v1/models/fruit/graph").json
    assert (graph["model"], graph["version"], graph["instance"]) == ("fruit", 1, "rows")
    assert graph["inputs"] == [{"name": "X", "type": "tensor(float)", "shape": [None, 3]}]
    assert graph["operators"]["ai.onnx.ml.TreeEnsembleClassifier"] == 1
    assert graph["nodes"] == sum(graph["operators"].values())
    assert graph["producer"].startswith("skl2onnx")


def test_the_page_shows_the_graph(app):
    words = Text(app.get("/models/fruit").text).words
    assert "The graph" in words
    assert "ai.onnx.ml.ZipMap" in words


def test_without_the_library_the_start_says_what_to_install(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    with pytest.raises(ConfigurationError, match=r"plugins/onnx\[cpu\]"):
        mlserve_onnx.includeme(Configurator())


def test_the_distribution_brings_one_entry_point():
    (point,) = [point for point in entry_points(group="mlserve.plugins") if point.name == "onnx"]
    assert point.value == "mlserve_onnx"
