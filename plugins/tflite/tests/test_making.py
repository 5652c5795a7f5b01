"""Packaging of TensorFlow Lite models: pictures as bytes of a table, and what the converter returned."""

import base64

import numpy as np
import pandas as pd
import tflite_samples

from mlserve.bundles import BundleStore, package


def test_a_classifier_is_packaged_with_pictures(tmp_path, family):
    path = tflite_samples.contract_artefact(tmp_path)
    pictures = [base64.b64decode(instance["pixels"]) for instance in tflite_samples.instances(None, 6)]
    data = pd.DataFrame({"pixels": pictures})
    store = BundleStore(tmp_path / "bundles")
    found = package(path, data, family=family, name="brightness", settings={}, store=store)
    assert found.signature.inputs[0].type == "image"
    assert len(found.golden["outputs"]) == 6


def test_what_the_converter_returned_is_packaged_as_its_file_is(tmp_path, family):
    path = tflite_samples.dense(tmp_path)
    data = pd.DataFrame({"features": np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32).tolist()})
    options = {"family": family, "name": "dense", "settings": {}, "store": BundleStore(tmp_path / "bundles")}
    assert package(path.read_bytes(), data, **options).digest == package(path, data, **options).digest
