"""The plugin inside the real application: its resources, its panel and its packaging."""

import base64
import importlib.util
import io
from importlib.metadata import entry_points

import numpy as np
import pytest
import tflite_samples
from PIL import Image
from pyramid.config import Configurator

import mlserve_tflite
from mlserve.errors import ConfigurationError
from mlserve.testing import serving, settings_of


@pytest.fixture
def app(tmp_path):
    path = tflite_samples.contract_artefact(tmp_path)
    with serving(settings_of(tmp_path, plugins="tflite", models={"brightness": path})) as served:
        yield served


def test_answers_over_http_are_the_library_s(app, tmp_path):
    instances = []
    for seed in range(5):
        held = io.BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, size=(8, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(held, "PNG")
        instances.append({"pixels": base64.b64encode(held.getvalue()).decode()})
    outputs = app.predict("brightness", instances).json["outputs"]
    expected = tflite_samples.library_answers(tmp_path / "model.tflite", instances)["scores"]
    found = [[output["scores"][label] for label in tflite_samples.LABELS] for output in outputs]
    assert np.array(found, np.float32).tobytes() == expected.tobytes()


def test_the_tensors_are_a_resource_of_the_model(app):
    told = app.get("/api/v1/models/brightness/tensors").json
    assert (told["model"], told["version"], told["name"], told["instance"]) == ("brightness", 1, "Brightness", "one")
    assert told["inputs"] == [{"name": "pixels", "type": "float32", "shape": [1, 8, 6, 3], "scale": None, "zero": None}]
    assert told["operators"] == {"MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}


def test_the_page_shows_the_tensors(app):
    page = app.get("/models/brightness").text
    assert "Its tensors" in page
    assert "FULLY_CONNECTED" in page


def test_without_the_library_the_start_says_what_to_install(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ai_edge_litert" else find_spec(name))
    with pytest.raises(ConfigurationError, match="plugins/tflite"):
        mlserve_tflite.includeme(Configurator())


def test_the_distribution_brings_one_entry_point():
    (point,) = [point for point in entry_points(group="mlserve.plugins") if point.name == "tflite"]
    assert point.value == "mlserve_tflite"
