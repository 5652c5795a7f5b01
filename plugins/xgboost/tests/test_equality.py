"""The heart of the family: its answers are `Booster.predict`'s, to the bit."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xgboost
import xgboost_zoo
from xgboost_zoo import CITIES, FRAME, MATRIX, RECIPES

from mlserve.signature import Batch, Signature


def numbers(answer: dict[str, np.ndarray]) -> np.ndarray:
    """The only output as (n, width)."""
    (values,) = answer.values()
    return values.reshape(len(values), -1)


def assert_same_bits(got: np.ndarray, expected: np.ndarray) -> None:
    if got.dtype == np.int32:  # A class: the library gives it as a float.
        expected = expected.astype(np.int32)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", RECIPES)
def test_equals_the_library_for_any_number_of_rows(name, threads, zoo, load, family):
    animal = zoo(name)
    signature = family.inspect(animal.path)
    predictor = load(animal.path, threads=threads)
    rows = animal.rows()
    expected = animal.expected(animal.data())
    for size in (1, 2, 7, 1000):
        for start in range(0, min(len(rows), (30 if threads == 1 else 3) * size), size):
            got = numbers(predictor.predict(Batch.from_rows(signature, rows[start : start + size])))
            assert_same_bits(got, expected[start : start + size])


@pytest.mark.parametrize("name", RECIPES)
def test_equals_the_library_from_four_threads_at_once(name, zoo, load, family):
    animal = zoo(name)
    signature = family.inspect(animal.path)
    predictor = load(animal.path)
    rows = animal.rows()
    expected = animal.expected(animal.data())

    def ask(worker: int) -> None:
        for start in range(worker, 200, 4):
            for size in (1, 5):
                got = numbers(predictor.predict(Batch.from_rows(signature, rows[start : start + size])))
                assert_same_bits(got, expected[start : start + size])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(ask, worker) for worker in range(4)]:
            done.result()


@pytest.mark.parametrize("name", ["early", "early-softprob", "dart-early"])
def test_stops_at_the_best_iteration(name, zoo, load, family):
    animal = zoo(name)
    booster = animal.reference()
    assert 0 < booster.best_iteration + 1 < booster.num_boosted_rounds()
    everything = booster.predict(xgboost.DMatrix(MATRIX), iteration_range=(0, 0), strict_shape=True)
    batch = Batch.from_rows(family.inspect(animal.path), animal.rows())
    assert (numbers(load(animal.path).predict(batch)) != everything).any()


@pytest.mark.parametrize("name", ["frame-onehot", "frame-partition", "frame-dart", "frame-json"])
def test_an_unseen_category_is_the_code_after_the_last(name, zoo, load, family):
    animal = zoo(name)
    known = family.inspect(animal.path)
    signature = Signature.from_json(
        {
            "inputs": [
                {**field.to_json(), **({"unknown": "native"} if field.categories else {})} for field in known.inputs
            ],
            "outputs": [output.to_json() for output in known.outputs],
        }
    )
    codes = FRAME.assign(city=float(len(CITIES)), weekend=FRAME.weekend.astype(float), gate=FRAME.gate.cat.codes)
    types = ["c", "float", "int", "i", "c"]
    matrix = xgboost.DMatrix(codes.to_numpy(np.float32), feature_names=list(FRAME), feature_types=types)
    expected = animal.expected(matrix)
    rows = [("Atlantis", *row[1:]) for row in animal.rows()]
    unseen = numbers(load(animal.path, signature).predict(Batch.from_rows(signature, rows)))
    assert_same_bits(unseen, expected)
    if name == "frame-onehot":  # Where the two go different ways, so that one cannot stand for the other.
        missing = Batch.from_rows(signature, [(None, *row[1:]) for row in rows])
        assert (unseen != numbers(load(animal.path, signature).predict(missing))).any()


def test_categories_go_by_name_whatever_order_a_data_frame_has(zoo, load, family):
    animal = zoo("frame-partition")
    other_order = FRAME.assign(city=FRAME.city.cat.reorder_categories(sorted(CITIES)))
    signature = family.inspect(animal.path)
    got = numbers(load(animal.path).predict(Batch.from_rows(signature, animal.rows())))
    assert_same_bits(got, animal.expected(other_order))


@pytest.mark.parametrize("name", ["binary-logistic", "softprob-3", "two-targets-vector-leaves", "early"])
def test_infinite_inputs_are_answered_in_place(name, zoo, load, family):
    animal = zoo(name)
    matrix = MATRIX[:50].copy()
    matrix[::2, 0], matrix[1::2, 3] = np.inf, -np.inf
    signature = family.inspect(animal.path)
    batch = Batch.from_columns(signature, {name: matrix[:, at] for at, name in enumerate(signature.names)})
    booster = animal.reference()
    best = booster.attr("best_iteration")
    span = (0, 0 if best is None else int(best) + 1)
    expected = booster.inplace_predict(matrix, iteration_range=span, strict_shape=True)
    assert_same_bits(numbers(load(animal.path).predict(batch)), expected)


def test_columns_answer_as_rows_do(zoo, load, family):
    animal = zoo("frame-partition")
    signature = family.inspect(animal.path)
    columns = {
        name: list(values) for name, values in zip(signature.names, zip(*animal.rows(), strict=True), strict=True)
    }
    predictor = load(animal.path)
    by_columns = numbers(predictor.predict(Batch.from_columns(signature, columns)))
    assert_same_bits(by_columns, animal.expected(FRAME))


def test_a_whole_column_may_be_missing(zoo, load, family):
    animal = zoo("squarederror")
    signature = family.inspect(animal.path)
    empty = np.full_like(MATRIX[:3], np.nan)
    rows = [(None,) * MATRIX.shape[1]] * 3
    assert_same_bits(numbers(load(animal.path).predict(Batch.from_rows(signature, rows))), animal.expected(empty))


def test_the_zoo_has_data_worth_asking_about():
    assert len(set(RECIPES)) >= 40
    assert FRAME.city.isna().any()
    assert isinstance(FRAME.gate.dtype, pd.CategoricalDtype)
    assert np.isnan(MATRIX).any()
    assert xgboost_zoo.ROWS == len(MATRIX) == len(FRAME)
