"""Packaging of ONNX models: from the file with named columns, and from the live object."""

import json

import numpy as np
import onnx_samples
import pandas as pd

from mlserve.bundles import BundleStore, package

SETTINGS = {"threads": 1}


def test_a_forest_is_packaged_by_the_names_of_its_columns(tmp_path, family):
    path = onnx_samples.contract_artefact(tmp_path)
    sidecar = json.loads(path.with_name("model.onnx.signature.json").read_text())
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32), columns=onnx_samples.COLUMNS)
    store = BundleStore(tmp_path / "bundles")
    found = package(path, rows, family=family, name="fruit", settings=SETTINGS, store=store, signature=sidecar)
    assert found.signature.names == onnx_samples.COLUMNS
    assert len(found.golden["instances"]) == 20
    answers = onnx_samples.library_answers(path, found.golden["instances"])
    assert [row["output_label"] for row in found.golden["outputs"]] == answers["output_label"].tolist()


def test_a_live_model_is_packaged_as_its_file_is(tmp_path, family):
    model = onnx_samples.linear()
    data = pd.DataFrame({"x": np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32).tolist()})
    store = BundleStore(tmp_path / "bundles")
    options = {"family": family, "name": "linear", "settings": SETTINGS, "store": store}
    live = package(model, data, **options)
    assert live.digest == package(onnx_samples.written(model, tmp_path), data, **options).digest
