"""The heart of the family: its answers are `Booster.predict`'s, to the bit."""

from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pandas as pd
import pytest
from lightgbm_zoo import CITIES, CODES, FRAME, MATRIX, RECIPES

from mlserve.signature import Batch, Signature
from mlserve_lightgbm.matrix import Matrix


def numbers(answer: dict[str, np.ndarray]) -> np.ndarray:
    """The only output as (n, width)."""
    (values,) = answer.values()
    return values.reshape(len(values), -1)


def assert_same_bits(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.dtype == expected.dtype == np.float64
    assert got.shape == expected.shape
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", RECIPES)
def test_equals_the_library_for_any_number_of_rows(name, threads, zoo, load, family):
    animal = zoo(name)
    signature = animal.signature()
    predictor = load(animal.path, threads=threads)
    rows = animal.rows()
    expected = animal.expected(animal.data)
    for size in (1, 2, 7, 1000):
        for start in range(0, min(len(rows), (30 if threads == 1 else 3) * size), size):
            got = numbers(predictor.predict(Batch.from_rows(signature, rows[start : start + size])))
            assert_same_bits(got, expected[start : start + size])


@pytest.mark.parametrize("name", RECIPES)
def test_equals_the_library_from_four_threads_at_once(name, zoo, load, family):
    animal = zoo(name)
    signature = animal.signature()
    predictor = load(animal.path)
    rows = animal.rows()
    expected = animal.expected(animal.data)
    explains = hasattr(predictor, "explain")
    contributions = animal.expected(animal.data, pred_contrib=True) if explains else None

    def ask(worker: int) -> None:
        for start in range(worker, 200, 4):
            for size in (1, 5):
                batch = Batch.from_rows(signature, rows[start : start + size])
                assert_same_bits(numbers(predictor.predict(batch)), expected[start : start + size])
            if explains:
                told = predictor.explain(batch)
                whole = np.concatenate([told.contributions, told.bias[..., None]], axis=2).reshape(5, -1)
                assert (whole == contributions[start : start + 5].astype(np.float32)).all()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(ask, worker) for worker in range(4)]:
            done.result()


def test_a_model_that_stopped_early_has_its_best_rounds_only(zoo, load, family):
    animal = zoo("early")
    assert 0 < load(animal.path).info()["rounds"] < RECIPES["early"].rounds


@pytest.mark.parametrize("name", ["frame", "frame-onehot", "frame-binary", "frame-zero"])
def test_an_unseen_category_is_what_pandas_makes_of_it(name, zoo, load, family):
    animal = zoo(name)
    known = animal.signature().to_json()
    for field in known["inputs"]:
        if "categories" in field:
            field["unknown"] = "native"
    signature = Signature.from_json(known)
    strange = pd.Categorical(["Atlantis"] * len(FRAME), categories=["Atlantis", *CITIES])
    expected = animal.expected(FRAME.assign(city=strange))
    rows = [("Atlantis", *row[1:]) for row in animal.rows()]
    predictor = load(animal.path, signature)
    assert_same_bits(numbers(predictor.predict(Batch.from_rows(signature, rows))), expected)
    assert_same_bits(numbers(predictor.predict(Batch.from_rows(signature, rows[:1]))), expected[:1])


def test_categories_go_by_name_whatever_order_a_data_frame_has(zoo, load, family):
    animal = zoo("frame")
    other_order = FRAME.assign(city=FRAME.city.cat.reorder_categories(sorted(CITIES)))
    batch = Batch.from_rows(animal.signature(), animal.rows())
    assert_same_bits(numbers(load(animal.path).predict(batch)), animal.expected(other_order))


def test_codes_of_categories_may_be_unseen_negative_and_missing(zoo, load, family):
    animal = zoo("codes")
    rows = [(code, *row[1:]) for code in (-1, 3, 99, 10**9, None) for row in animal.rows()[:20]]
    matrix = pd.DataFrame(rows).astype(float).to_numpy()
    batch = Batch.from_rows(animal.signature(), rows)
    assert_same_bits(numbers(load(animal.path).predict(batch)), animal.expected(matrix))


@pytest.mark.parametrize("name", ["regression", "multiclass", "linear", "zero-as-missing", "rf"])
def test_numbers_at_the_ends_are_answered_as_the_library_does(name, zoo, load, family):
    animal = zoo(name)
    matrix = np.resize([np.inf, -np.inf, 1e300, -1e-320, 0.0, -0.0, 1e-35, 2e-35, np.nan, 5.0, 1.0], (77, 6))
    signature = animal.signature()
    columns = {name: matrix[:, at] for at, name in enumerate(signature.names)}
    predictor, expected = load(animal.path), animal.expected(matrix)
    assert_same_bits(numbers(predictor.predict(Batch.from_columns(signature, columns))), expected)
    for at in range(11):
        row = {name: column[at : at + 1] for name, column in columns.items()}
        assert_same_bits(numbers(predictor.predict(Batch.from_columns(signature, row))), expected[at : at + 1])


def test_a_field_of_float32_is_rounded_before_it_is_compared(zoo, load, family):
    animal = zoo("regression")
    told = animal.signature().to_json()
    for field in told["inputs"]:
        field["type"] = "float32"
    signature = Signature.from_json(told)
    for size in (3, 100):
        matrix = Matrix(signature)(Batch.from_rows(signature, animal.rows()[:size]))
        assert np.array_equal(matrix, MATRIX[:size].astype(np.float32), equal_nan=True)
    got = numbers(load(animal.path, signature).predict(Batch.from_rows(signature, animal.rows())))
    assert_same_bits(got, animal.expected(MATRIX.astype(np.float32)))


def test_the_zoo_has_data_worth_asking_about():
    assert len(RECIPES) >= 35
    assert np.isnan(MATRIX).any()
    assert FRAME.city.isna().any()
    assert (CODES[:, 0] > 32).any()  # Codes in a second word of a set.
    assert lightgbm.__version__.startswith("4.")
