"""The engine `onnx`: what is converted answers as the library does, and what is not falls back to it and says why."""

import dataclasses
import logging
import stat
from pathlib import Path

import numpy as np
import pytest
from lightgbm_zoo import RECIPES

from mlserve.signature import Batch
from mlserve_lightgbm import converting
from mlserve_lightgbm.engine import Engine
from mlserve_lightgbm.family import LightGBMFamily
from mlserve_lightgbm.model_file import parse
from mlserve_onnx import converted, parity

REFUSED = {
    "linear": "linear leaves",
    "linear-binary": "linear leaves",
    "zero-as-missing": "zero is missing",
    "frame-zero": "zero is missing",
}


def proof(name, zoo):
    file = parse(zoo(name).path.read_bytes())
    ensemble = converting.ensemble_of(file)
    rows = parity.rows_of(converting.probe_of(file), ensemble.dtype)
    return ensemble, Engine(file, 1).predict, rows


def why_not(ensemble, exact, rows):
    return parity.refusal(exact, converted.ConvertedEngine(ensemble.graph(), "model").predict, rows)


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in REFUSED])
def test_every_converted_model_answers_as_the_library_does(name, zoo):
    assert converting.refusal(parse(zoo(name).path.read_bytes())) is None
    ensemble, exact, rows = proof(name, zoo)
    assert why_not(ensemble, exact, rows) is None
    engine = converted.ConvertedEngine(ensemble.graph(), name)
    # The tolerance of the gate is for other processors: here every answer is the same, but for the last bit of one.
    assert np.allclose(engine.predict(rows), exact(rows), rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", ["linear", "linear-binary"])
def test_the_gate_itself_refuses_linear_leaves(name, zoo):
    ensemble, exact, rows = proof(name, zoo)
    assert "where the library answers" in why_not(ensemble, exact, rows)


def test_the_gate_itself_refuses_zeros_that_are_missing(zoo, monkeypatch):
    monkeypatch.setattr(converting, "_ZERO", -1)
    ensemble, exact, rows = proof("zero-as-missing", zoo)
    assert "where the library answers" in why_not(ensemble, exact, rows)


def narrowed(trees):
    """Thresholds as the nearest float32, as the usual converters have them."""
    return [
        dataclasses.replace(tree, splits=tree.splits.astype(np.float32).astype(float), weights=tree.weights)
        for tree in trees
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda it: dataclasses.replace(it, trees=it.trees[:-1]),
        lambda it: dataclasses.replace(it, trees=narrowed(it.trees)),
        lambda it: dataclasses.replace(it, factor=1.0001),
        lambda it: dataclasses.replace(it, link="identity"),
        lambda it: dataclasses.replace(
            it, trees=[dataclasses.replace(tree, missing_yes=~tree.missing_yes) for tree in it.trees]
        ),
        lambda it: dataclasses.replace(
            it, trees=[dataclasses.replace(tree, modes=np.where(tree.modes == 0, 1, tree.modes)) for tree in it.trees]
        ),
        lambda it: dataclasses.replace(
            it, trees=[dataclasses.replace(tree, sets=[codes + 1 for codes in tree.sets]) for tree in it.trees]
        ),
    ],
    ids=["a tree less", "float32 thresholds", "factor", "no link", "missing values", "below for at most", "categories"],
)
def test_the_gate_refuses_a_conversion_that_is_a_little_wrong(wrong, zoo):
    ensemble, exact, rows = proof("frame-binary", zoo)
    assert why_not(ensemble, exact, rows) is None
    assert why_not(wrong(ensemble), exact, rows) is not None


@pytest.mark.parametrize("name", ["frame", "multiclass", "codes", "constant"])
def test_a_loaded_model_answers_by_onnx_and_keeps_what_was_converted(name, zoo, tmp_path):
    animal, engines = zoo(name), tmp_path / "engines"
    family = LightGBMFamily(engines)
    signature = animal.signature()
    predictor = family.load(animal.path, signature, {"threads": 1, "engine": "onnx"})
    assert predictor.engine == "onnx"
    assert predictor.info()["engine"] == "onnx"
    (values,) = predictor.predict(Batch.from_rows(signature, animal.rows())).values()
    assert np.allclose(values.reshape(len(values), -1), animal.expected(animal.data), rtol=1e-12, atol=0)
    (kept,) = engines.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    before = kept.stat().st_mtime_ns
    assert family.load(animal.path, signature, {"threads": 1, "engine": "onnx"}).engine == "onnx"
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["linear", "zero-as-missing"])
def test_what_is_not_converted_is_answered_exactly_and_says_why(name, zoo, tmp_path, caplog):
    animal, family = zoo(name), LightGBMFamily(tmp_path)
    signature = animal.signature()
    with caplog.at_level(logging.WARNING):
        predictor = family.load(animal.path, signature, {"threads": 1, "engine": "onnx"})
    assert predictor.engine == "exact"
    assert REFUSED[name] in predictor.info()["engine_refused"]
    assert [record.msg for record in caplog.records] == ["engine_refused"]
    (values,) = predictor.predict(Batch.from_rows(signature, animal.rows())).values()
    assert values.reshape(-1, 1).tobytes() == animal.expected(animal.data).tobytes()


def test_a_conversion_that_dies_or_takes_too_long_leaves_the_library(zoo, tmp_path, monkeypatch):
    animal = zoo("binary")
    raw, how = animal.path.read_bytes(), {"engines": tmp_path, "libraries": {"lightgbm": "1"}}
    engine, reason = converted.load(animal.path, raw, None, converter="mlserve_lightgbm.no_such", **how)
    assert engine is None
    assert "ended with 1" in reason
    monkeypatch.setattr(converted, "SECONDS", 0.01)
    engine, reason = converted.load(animal.path, raw, None, converter="mlserve_lightgbm.converting", **how)
    assert engine is None
    assert "took longer than 0.01 s" in reason
    assert list(tmp_path.iterdir()) == []  # Neither says anything of the model: the next load tries again.


def test_what_was_refused_is_not_tried_again(zoo, tmp_path, monkeypatch):
    path: Path = zoo("zero-as-missing").path
    how = {"engines": tmp_path, "libraries": {"lightgbm": "1"}, "converter": "mlserve_lightgbm.converting"}
    engine, reason = converted.load(path, path.read_bytes(), None, **how)
    assert engine is None
    assert [kept.suffix for kept in tmp_path.iterdir()] == [".refused"]
    monkeypatch.setattr(converted, "_run", None)
    assert converted.load(path, path.read_bytes(), None, **how) == (None, reason)
