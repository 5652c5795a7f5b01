"""The engine `onnx`: what is converted answers as the library does, and what is not falls back to it and says why."""

import dataclasses
import json
import logging

import numpy as np
import onnxruntime
import pytest
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from xgboost_zoo import RECIPES, Animal

from mlserve.signature import Batch
from mlserve_onnx import converted, parity
from mlserve_xgboost import converting
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.family import XGBoostFamily
from mlserve_xgboost.model_file import parse
from mlserve_xgboost.outputs import width_of

REFUSED = {
    name: "booster" if recipe.params.get("booster") else "vector leaves"
    for name, recipe in RECIPES.items()
    if recipe.params.get("booster") or "multi_strategy" in recipe.params
}


def proof(animal: Animal):
    file = parse(animal.path.read_bytes())
    ensemble = converting.ensemble_of(file)
    rows = parity.rows_of(converting.probe_of(file), ensemble.dtype)
    return ensemble, Engine(file, width_of(file), 1).predict, rows


def why_not(ensemble, exact, rows):
    return parity.refusal(exact, converted.ConvertedEngine(ensemble.graph(), "model").predict, rows)


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in REFUSED])
def test_every_converted_model_answers_as_the_library_does(name, zoo):
    assert converting.refusal(parse(zoo(name).path.read_bytes())) is None
    ensemble, exact, rows = proof(zoo(name))
    assert why_not(ensemble, exact, rows) is None


@pytest.mark.parametrize("name", REFUSED)
def test_other_models_are_answered_exactly_and_say_why(name, zoo, tmp_path, caplog):
    animal, family = zoo(name), XGBoostFamily(tmp_path)
    signature = family.inspect(animal.path)
    with caplog.at_level(logging.WARNING):
        predictor = family.load(animal.path, signature, {"threads": 1, "engine": "onnx"})
    assert predictor.engine == "exact"
    assert REFUSED[name] in predictor.info()["engine_refused"]
    assert [record.msg for record in caplog.records] == ["engine_refused"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["dart", "dart-softprob", "frame-dart"])
def test_the_gate_itself_refuses_dart_whose_trees_are_weighted(name, zoo):
    ensemble, exact, rows = proof(zoo(name))
    finite = rows[~np.isinf(rows).any(axis=1)]  # This booster cannot take infinite inputs.
    assert "where the library answers" in why_not(ensemble, exact, finite)


def by_onnxmltools(animal: Animal) -> parity.Ask:
    """What the usual converter makes of a model; its probabilities or its only output."""
    booster = animal.reference()
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    if objective.startswith(("binary:", "multi:", "reg:logistic")):
        classifier = xgboost.XGBClassifier(objective=objective)
        classifier._Booster, classifier.n_classes_ = (
            booster,
            max(2, RECIPES[animal.path.stem].params.get("num_class", 2)),
        )
        model = classifier
    else:
        model = xgboost.XGBRegressor(objective=objective)
        model._Booster = booster
    booster.feature_names = None
    graph = convert_xgboost(model, initial_types=[("matrix", FloatTensorType([None, 6]))])
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])

    def ask(matrix):
        found = session.run(None, {"matrix": matrix})[-1]
        answer = np.asarray(found, np.float32).reshape(len(matrix), -1)
        binary = objective.startswith(("binary:", "reg:logistic"))
        return answer[:, 1:] if binary and answer.shape[1] == 2 else answer

    return ask


WRONG_ELSEWHERE = ("pairwise", "softprob-2", "reg-logistic", "quantile-3", "cox")


@pytest.mark.parametrize("name", WRONG_ELSEWHERE)
def test_the_gate_refuses_what_the_usual_converter_makes_of_it(name, zoo):
    animal = zoo(name)
    _, exact, rows = proof(animal)
    try:
        other = by_onnxmltools(animal)
    except (RuntimeError, KeyError, ValueError, AttributeError) as error:
        pytest.skip(f"the usual converter refuses it by itself: {error}")
    assert parity.refusal(exact, other, rows) is not None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda it: dataclasses.replace(it, trees=it.trees[1:]),
        lambda it: dataclasses.replace(it, trees=it.trees[:-1]),
        lambda it: dataclasses.replace(
            it, trees=[dataclasses.replace(tree, missing_yes=~tree.missing_yes) for tree in it.trees]
        ),
        lambda it: dataclasses.replace(
            it, trees=[dataclasses.replace(tree, modes=np.where(tree.modes == 1, 0, tree.modes)) for tree in it.trees]
        ),
        lambda it: dataclasses.replace(
            it, trees=[dataclasses.replace(tree, sets=[codes + 1 for codes in tree.sets]) for tree in it.trees]
        ),
    ],
    ids=["base score", "a tree less", "missing values", "at most for below", "categories"],
)
def test_the_gate_refuses_a_conversion_that_is_a_little_wrong(wrong, zoo):
    ensemble, exact, rows = proof(zoo("frame-partition"))
    assert why_not(ensemble, exact, rows) is None
    assert why_not(wrong(ensemble), exact, rows) is not None


@pytest.mark.parametrize("name", ["frame-partition", "softprob-3", "early"])
def test_a_loaded_model_answers_by_onnx_and_keeps_what_was_converted(name, zoo, tmp_path):
    animal, engines = zoo(name), tmp_path / "engines"
    family = XGBoostFamily(engines)
    signature = family.inspect(animal.path)
    predictor = family.load(animal.path, signature, {"threads": 1, "engine": "onnx"})
    assert (predictor.engine, predictor.info()["engine"]) == ("onnx", "onnx")
    rows = animal.rows()
    (values,) = predictor.predict(Batch.from_rows(signature, rows)).values()
    assert np.allclose(values.reshape(len(values), -1), animal.expected(animal.data()), rtol=1e-6, atol=0)
    (alone,) = predictor.predict(Batch.from_rows(signature, rows[:1])).values()
    assert alone.tobytes() == values[:1].tobytes()
    assert predictor.explain(Batch.from_rows(signature, rows[:3])).margin.shape[0] == 3
    (kept,) = engines.iterdir()
    before = kept.stat().st_mtime_ns
    assert family.load(animal.path, signature, {"threads": 1, "engine": "onnx"}).engine == "onnx"
    assert kept.stat().st_mtime_ns == before
