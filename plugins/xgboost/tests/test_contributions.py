"""Explanations: the library's contributions to the bit, and what they say."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost
import xgboost_zoo
from xgboost_zoo import MATRIX, RECIPES, chained, to_dmatrix

from mlserve.errors import NotSupported, TooLarge
from mlserve.signature import Batch, complete
from mlserve.trees import explaining as explanations
from mlserve_xgboost import engine as engines
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.family import XGBoostFamily
from mlserve_xgboost.library import XGBoostError
from mlserve_xgboost.model_file import read
from mlserve_xgboost.outputs import width_of

VECTOR_LEAVES = [name for name, recipe in RECIPES.items() if recipe.params.get("multi_strategy")]
EXPLAINED = [name for name in RECIPES if name not in VECTOR_LEAVES]

# How each scale leads to the answers: what a block's margin says, and what the model answers for it.
INVERSE = {
    "log-odds of the second class": lambda margin: 1 / (1 + np.exp(-margin)),
    "log-odds of the value": lambda margin: 1 / (1 + np.exp(-margin)),
    "margin: above 0 is the second class": lambda margin: margin > 0,
    "log of the class's probability, up to a number that all classes share": lambda margin: (
        np.exp(margin) / np.exp(margin).sum(1, keepdims=True)
    ),
    "value": lambda margin: margin,
    "score": lambda margin: margin,
    "log of the value": np.exp,
    "log of the expected count": np.exp,
    "log of the hazard ratio": np.exp,
    "log of the time": np.exp,
}


@pytest.fixture
def engine(zoo):
    def engine(name: str, threads: int = 1) -> Engine:
        file = read(zoo(name).path)
        return Engine(file, width_of(file), threads)

    return engine


@pytest.fixture
def explained(zoo, load, family):
    """The explanation of a model's first rows."""

    def explained(name: str, rows: int, signature=None):
        animal = zoo(name)
        signature = signature or family.inspect(animal.path)
        return load(animal.path, signature).explain(Batch.from_rows(signature, animal.rows()[:rows]))

    return explained


def span(booster: xgboost.Booster) -> tuple[int, int]:
    best = booster.attr("best_iteration")
    return 0, 0 if best is None else int(best) + 1


def library_s(animal: xgboost_zoo.Animal, **what: bool) -> np.ndarray:
    booster = animal.reference()
    return booster.predict(to_dmatrix(animal.data()), iteration_range=span(booster), strict_shape=True, **what)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", EXPLAINED)
def test_contributions_are_the_library_s_to_the_bit(name, threads, zoo, load, family):
    animal = zoo(name)
    signature = family.inspect(animal.path)
    predictor, rows = load(animal.path, threads=threads), animal.rows()
    contributions, margin = library_s(animal, pred_contribs=True), library_s(animal, output_margin=True)
    for size in (1, 2, 7, 1000):
        for start in range(0, min(len(rows), 10 * size), size):
            got = predictor.explain(Batch.from_rows(signature, rows[start : start + size]))
            assert got.contributions.dtype == got.bias.dtype == got.margin.dtype == np.float32
            assert got.contributions.tobytes() == contributions[start : start + size, :, :-1].tobytes()
            assert got.bias.tobytes() == contributions[start : start + size, :, -1].tobytes()
            assert got.margin.tobytes() == margin[start : start + size].tobytes()
            assert got.misshapen(len(margin[start : start + size]), len(signature.inputs)) is None


@pytest.mark.parametrize("name", EXPLAINED)
def test_bias_and_contributions_add_up_to_the_margin(name, explained):
    """To a millionth of what was added up: both sides are sums of many float32."""
    got = explained(name, 1000)
    terms = np.concatenate([got.contributions, got.bias[:, :, None]], axis=2).astype(np.float64)
    tolerance = 1e-6 * np.abs(terms).sum(axis=2)
    assert (np.abs(terms.sum(axis=2) - got.margin) <= tolerance).all()
    assert (got.margin != got.bias).any()


@pytest.mark.parametrize("name", EXPLAINED)
def test_the_scale_is_the_one_that_the_margin_is_on(name, explained, zoo):
    got, answers = explained(name, 1000), zoo(name).expected(zoo(name).data())
    if "logitraw" in name:
        answers = INVERSE[got.scale](answers)
    if name == "softmax":
        assert (got.margin.argmax(1) == answers[:, 0]).all()
    else:
        np.testing.assert_allclose(INVERSE[got.scale](got.margin), answers, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("binary-logistic", (None,)),
        ("quantile-1", (None,)),
        ("softprob-3", ("0", "1", "2")),
        ("softmax", ("0", "1", "2")),
        ("linear-softprob", ("0", "1", "2")),
        ("quantile-3", ("0.1", "0.5", "0.925")),
        ("two-targets", ("0", "1")),
        ("binary-two-targets", ("0", "1")),
    ],
)
def test_each_block_has_a_name_where_there_are_several(name, blocks, explained):
    assert explained(name, 2).blocks == blocks


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("softprob-3", {"name": "probability", "categories": ["apple", "banana", "cherry"]}),
        ("softprob-3", {"name": "label", "type": "category", "categories": ["apple", "banana", "cherry"]}),
        ("softmax", {"name": "label", "type": "category", "categories": ["apple", "banana", "cherry"]}),
    ],
)
def test_classes_have_the_names_of_the_signature(name, output, explained, zoo, family):
    signature = complete(family.inspect(zoo(name).path), {"outputs": [output]})
    assert explained(name, 2, signature).blocks == ("apple", "banana", "cherry")


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("binary-logistic", "log-odds of late"),
        ("binary-logitraw", "log-odds of late"),
        ("binary-hinge", "margin: above 0 is late"),
    ],
)
def test_the_scale_names_the_second_class_as_the_label_does(name, scale, explained, zoo, family):
    label = {"name": "label", "type": "category", "categories": ["on time", "late"]}
    signature = complete(family.inspect(zoo(name).path), {"outputs": [label]})
    assert explained(name, 1, signature).scale == scale


def test_the_names_of_two_targets_are_no_names_of_two_classes(explained, zoo, family):
    output = {"name": "probability", "categories": ["arrival", "departure"]}
    signature = complete(family.inspect(zoo("binary-two-targets").path), {"outputs": [output]})
    assert explained("binary-two-targets", 1, signature).scale == "log-odds of the second class"


def test_the_names_of_two_classes_are_no_names_of_two_targets(zoo, tmp_path, family, load):
    path = tmp_path / "hinge.ubj"
    target = np.c_[xgboost_zoo.BINARY, 1 - xgboost_zoo.BINARY]
    xgboost.train({"objective": "binary:hinge", "nthread": 1}, to_dmatrix(MATRIX, target), 2).save_model(path)
    label = {"name": "label", "type": "category", "categories": ["on time", "late"]}
    signature = complete(family.inspect(path), {"outputs": [label]})
    assert load(path, signature).explain(Batch.from_rows(signature, [[0.0] * 6])).blocks == ("0", "1")


def test_the_method_is_named(explained):
    assert explained("dart", 1).method == "treeshap"
    assert explained("linear", 1).method == "linear"


@pytest.mark.parametrize("name", VECTOR_LEAVES)
def test_vector_leaves_cannot_be_explained(name, zoo, load, engine):
    assert not hasattr(load(zoo(name).path), "explain")
    with pytest.raises(NotSupported, match="vector leaves"):
        engine(name).contributions(MATRIX[:1])


def test_trees_of_hundreds_of_levels_are_answered_and_not_explained(zoo, load, tmp_path):
    """TreeSHAP would take minutes for one row, and its recursion could overflow the stack."""
    path = tmp_path / "deep.json"
    for levels, explained in ((256, True), (257, False)):
        path.write_text(json.dumps(chained(json.loads(zoo("squarederror").reference().save_raw("json")), levels)))
        predictor = load(path)
        assert hasattr(predictor, "explain") is explained
        batch = Batch.from_rows(XGBoostFamily().inspect(path), [[0.0] * 6])
        assert np.isfinite(predictor.predict(batch)["value"]).all()
        if explained:
            assert np.isfinite(predictor.explain(batch).contributions).all()


@pytest.mark.parametrize("name", ["squarederror", "dart", "linear"])
def test_infinite_inputs_cannot_be_explained(name, engine):
    matrix = MATRIX[:2].copy()
    matrix[1, 1] = np.inf
    with pytest.raises(NotSupported, match="infinite"):
        engine(name).contributions(matrix)


@pytest.mark.parametrize("name", ["softprob-3", "linear-softprob"])
def test_no_rows_have_no_contributions(name, engine):
    contributions, margin = engine(name).contributions(MATRIX[:0])
    assert (contributions.shape, margin.shape) == ((0, 3, 7), (0, 3))


def test_refuses_a_matrix_of_another_width(engine):
    with pytest.raises(XGBoostError, match="5 columns where 6 were expected"):
        engine("squarederror").contributions(np.ascontiguousarray(MATRIX[:, :5]))


@pytest.mark.parametrize("name", ["softprob-3", "linear"])
def test_many_rows_are_asked_for_in_parts(name, engine, monkeypatch):
    whole = engine(name).contributions(MATRIX)
    monkeypatch.setattr(engines, "_PART", 100)
    parts = engine(name).contributions(MATRIX)
    assert [array.tobytes() for array in parts] == [array.tobytes() for array in whole]


def test_more_numbers_than_an_answer_may_have_are_refused(explained, monkeypatch):
    monkeypatch.setattr(explanations, "MAX_NUMBERS", 17)
    with pytest.raises(TooLarge, match="would have 18 numbers, and may have 17"):
        explained("softprob-3", 1)


@pytest.mark.parametrize("name", ["softprob-3", "dart", "linear-softprob", "frame-partition"])
def test_explains_and_answers_from_four_threads_at_once(name, zoo, load, family):
    animal = zoo(name)
    signature = family.inspect(animal.path)
    predictor, rows = load(animal.path), animal.rows()
    contributions, answers = library_s(animal, pred_contribs=True), animal.expected(animal.data())

    def ask(worker: int) -> None:
        for start in range(worker, 120, 4):
            for size in (1, 5):
                batch = Batch.from_rows(signature, rows[start : start + size])
                got = predictor.explain(batch)
                assert got.contributions.tobytes() == contributions[start : start + size, :, :-1].tobytes()
                (values,) = predictor.predict(batch).values()
                assert values.tobytes() == answers[start : start + size].tobytes()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(ask, worker) for worker in range(4)]:
            done.result()
