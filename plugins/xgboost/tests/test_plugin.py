"""The plugin inside the real application: its setting, its family and its resources."""

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import entry_points, requires

import numpy as np
import pytest
from pyramid.config import Configurator
from webtest import TestApp
from xgboost_zoo import FRAME, MATRIX

import mlserve
import mlserve_xgboost
from mlserve.errors import ConfigurationError
from mlserve_xgboost import library


@pytest.fixture
def app(zoo, tmp_path) -> Iterator[TestApp]:
    """Three models of the family: `late` has a sidecar, the others are served as their files tell."""
    paths = {
        "plain": zoo("softprob-3").path,
        "flights": zoo("frame-partition").path,
        "late": zoo("binary-logistic").path,
    }
    copies = {name: shutil.copy(path, tmp_path) for name, path in paths.items()}
    label = {"name": "label", "type": "category", "categories": ["on time", "late"], "threshold": 0.4}
    (tmp_path / f"{paths['late'].name}.signature.json").write_text(json.dumps({"outputs": [label]}))
    models = {f"mlserve.models.{name}": str(copy) for name, copy in copies.items()}
    settings = {"mlserve.plugins": "xgboost", "mlserve.var": str(tmp_path / "var"), "mlserve.xgboost.threads": "1"}
    wsgi = mlserve.main({"here": str(tmp_path)}, **settings, **models)
    yield TestApp(wsgi)
    wsgi.registry.mlserve.stop()


def test_answers_over_http_are_the_library_s(app, zoo):
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in MATRIX[:50]]
    answer = app.post_json("/api/v1/models/plain/predictions", {"instances": rows}).json
    got = np.array([output["probability"] for output in answer["outputs"]], np.float32)
    assert got.tobytes() == zoo("softprob-3").expected(MATRIX[:50]).tobytes()


def test_fields_have_the_file_s_names_and_categories(app, zoo):
    instance = {"city": "Wien", "distance": 12.5, "stops": 3, "weekend": False, "gate": "30"}
    answer = app.post_json("/api/v1/models/flights/predictions", {"instances": [instance]}).json
    frame = FRAME.iloc[:1].assign(city="Wien", distance=np.float32(12.5), stops=3, weekend=False, gate=30)
    frame = frame.astype({name: FRAME[name].dtype for name in FRAME})
    expected = zoo("frame-partition").expected(frame)
    assert np.float32(answer["outputs"][0]["value"]) == expected[0, 0]
    unknown = {"instances": [{**instance, "city": "Atlantis"}]}
    refused = app.post_json("/api/v1/models/flights/predictions", unknown, status=422)
    assert refused.json["errors"][0]["pointer"] == "/instances/0/city"


def test_a_sidecar_gives_a_label(app, zoo):
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in MATRIX[:50]]
    outputs = app.post_json("/api/v1/models/late/predictions", {"instances": rows}).json["outputs"]
    expected = zoo("binary-logistic").expected(MATRIX[:50])[:, 0]
    assert [output["label"] for output in outputs] == np.where(expected >= np.float32(0.4), "late", "on time").tolist()


def test_the_lineage_names_engine_library_and_plugin(app):
    model = app.get("/api/v1/models/plain").json
    assert model["engine"] == "exact"
    assert model["library"] == f"xgboost {library.version()}"
    assert model["plugin"].startswith("pyramid-mlserve-xgboost ")


def test_importance_is_a_resource_of_the_model(app, zoo):
    answer = app.get("/api/v1/models/flights/importance").json
    assert (answer["model"], answer["version"]) == ("flights", 1)
    assert list(answer["importance"]) == ["gain", "weight", "cover"]
    assert (
        answer["importance"]["gain"]["city"]
        == zoo("frame-partition").reference().get_score(importance_type="gain")["city"]
    )
    assert "importance" in app.get("/api/v1/models/flights").json["resources"]


def test_a_bad_thread_count_stops_the_start(tmp_path):
    settings = {"mlserve.plugins": "xgboost", "mlserve.var": str(tmp_path / "var"), "mlserve.xgboost.threads": "0"}
    with pytest.raises(SystemExit) as stopped:
        mlserve.main({"here": str(tmp_path)}, **settings)
    assert "mlserve.xgboost.threads" in str(stopped.value)


def test_without_the_library_the_start_says_what_to_install(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "xgboost" else find_spec(name))
    with pytest.raises(ConfigurationError, match=r"pip install -e .plugins/xgboost\[cpu\]"):
        mlserve_xgboost.includeme(Configurator())
    with pytest.raises(ConfigurationError, match="not installed"):
        library.version()


def test_a_package_without_its_library_is_named(monkeypatch, tmp_path):
    (tmp_path / "xgboost").mkdir()
    (tmp_path / "xgboost" / "__init__.py").touch()
    spec = importlib.util.spec_from_file_location(
        "xgboost", tmp_path / "xgboost" / "__init__.py", submodule_search_locations=[str(tmp_path / "xgboost")]
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    library.library.cache_clear()
    with pytest.raises(ConfigurationError, match=r"has no libxgboost\.so: install it again"):
        library.library()


def test_the_distribution_brings_one_entry_point_and_an_extra_for_each_library():
    (point,) = [point for point in entry_points(group="mlserve.plugins") if point.name == "xgboost"]
    assert point.value == "mlserve_xgboost"
    wanted = requires("pyramid-mlserve-xgboost") or []
    extras = {re.split(r"[<>;]", line)[0].strip() for line in wanted if "extra" in line}
    assert extras == {"xgboost-cpu", "xgboost", "onnx", "pyramid-mlserve-onnx[cpu]"}
    assert any(line.startswith("pyramid-mlserve<0.2,>=0.1") for line in wanted)
