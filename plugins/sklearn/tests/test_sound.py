"""What a file may say of sizes and places, where compiled code would read or write outside of its memory.

Each model is honest but for one attribute, which is what somebody would change in the file.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn_zoo
import skops.io
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.svm import SVC
from test_hostile_files import array, refused, rewritten

from mlserve.errors import BundleError
from mlserve_sklearn.skops_file import read
from mlserve_sklearn.trusted import ALLOWED


def fitted(name: str) -> Any:
    """A model of the zoo that a test may change."""
    return skops.io.loads(skops.io.dumps(sklearn_zoo.animal(name).model), trusted=sorted(ALLOWED))


def saying(attribute: str, value: Any, step: int | None = None) -> Callable[[Any], None]:
    return lambda model: setattr(model if step is None else model[step], attribute, value)


def changing(attribute: str, at: Any, value: Any, step: int | None = None) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        values = getattr(model if step is None else model[step], attribute)
        values[at] = value

    return change


def starting_from_two_classes(model: Any) -> None:
    rows, classes = sklearn_zoo.numbers(2)
    model.init_ = DummyClassifier().fit(rows, classes)


def starting_from_the_same(model: Any) -> None:
    inner = clone(model).set_params(init="zero").fit(*sklearn_zoo.numbers(3))
    starting_from_two_classes(inner)
    model.init_ = inner


def with_a_generator_outside_of_its_numbers(model: Any) -> None:
    generator = np.random.RandomState(0)
    state = generator.get_state(legacy=False)
    state["state"]["pos"] = 2**30
    generator.set_state(state)
    model.random_state = generator


def with_narrow_trees(model: Any) -> None:
    model.estimators_features_ = [columns[:2] for columns in model.estimators_features_]


def with_many_rows(model: Any) -> None:
    model.estimators_[0].intercept_ = np.zeros((50, 1))


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("k-means", saying("cluster_centers_", np.zeros((3, 1))), "cluster_centers_ of the KMeans"),
        ("k-means", saying("cluster_centers_", np.zeros((0, 4))), "cluster_centers_ of the KMeans"),
        ("k-means", saying("n_features_in_", 1), "cluster_centers_ of the KMeans"),
        ("k-means", lambda model: delattr(model, "n_features_in_"), "does not say how many features"),
        ("mini-batch", saying("cluster_centers_", np.zeros((3, 5))), "cluster_centers_ of the MiniBatchKMeans"),
        ("boosting", starting_from_two_classes, "starts from does not answer 3 numbers"),
        ("boosting", starting_from_the_same, "starts from does not answer 3 numbers"),
        ("boosting", with_a_generator_outside_of_its_numbers, "stands outside of its numbers"),
        ("forest", saying("_validate_X_predict", np.negative), "in place of the method"),
        ("isolation-forest", with_narrow_trees, "another number of features"),
        ("hist-boosting", saying("_in_fit", True), "still being trained"),
        ("neighbours-brute", saying("_fit_X", np.zeros((sklearn_zoo.ROWS, 1))), "_fit_X of the KNeighborsClassifier"),
        ("neighbours-brute", saying("_y", np.full(sklearn_zoo.ROWS, 10**6)), "classes that it does not have"),
        ("neighbours-brute", saying("_y", np.zeros(2, np.int64)), "classes that it does not have"),
        ("neighbours-brute", saying("n_samples_fit_", 3), "tree of neighbours"),
        ("neighbours-brute", saying("effective_metric_params_", {"Y_norm_squared": np.zeros(1)}), "the distance"),
        ("neighbours-brute", saying("effective_metric_params_", {"VI": np.ones((1, 1))}), "the distance"),
        ("density", saying("n_features_in_", 3), "tree of neighbours"),
        ("elliptic", saying("precision_", np.ones((1, 1))), "precision_ of the EllipticEnvelope"),
        ("svc", changing("support_", 0, 10**6), "support vectors"),
        ("svr", saying("_n_support", np.array([60, 60, 60], np.int32)), "support vectors"),
        ("frame-rare", saying("_n_features_outs", [1, 1], 0), "do not fit its columns"),
        ("frame-rare", saying("_drop_idx_after_grouping", np.array([9, 9], object), 0), "do not fit its columns"),
        ("frame-rare", lambda model: model[0]._default_to_infrequent_mappings[0].fill(10**6), "do not fit its columns"),
        ("texts", lambda model: model[0].vocabulary_.update(late=10**9), "columns that it does not have"),
        ("texts-hashed", saying("n_features", 0, 0), "hashes into 0 columns"),
        ("several-one-vs-rest", with_many_rows, "OneVsRestClassifier in the model"),
    ],
)
def test_what_compiled_code_would_follow_is_looked_at(
    name: str, change: Callable[[Any], None], sentence: str, tmp_path: Path
) -> None:
    model = fitted(name)
    change(model)
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    assert sentence.lower() in refused(path).lower()


def with_fewer_coefficients(model: Any) -> None:
    coefficients = model._dual_coef_
    model._dual_coef_ = type(coefficients)(([1.0], ([0], [0])), shape=coefficients.shape)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (None, None),
        (with_fewer_coefficients, "The support vectors of the model contradict each other."),
        (saying("kernel", "precomputed"), "The support vectors of the model contradict each other."),
        (lambda model: model.support_vectors_.indices.fill(10**8), "has entries outside of it"),
    ],
)
def test_sparse_matrices_that_the_ini_trusts_are_looked_at(change: Any, sentence: str | None, tmp_path: Path) -> None:
    import scipy.sparse

    rows, classes = sklearn_zoo.numbers()
    model = SVC().fit(scipy.sparse.csr_matrix(rows), classes)
    path = tmp_path / "model.skops"
    trusted = ["scipy.sparse._csr.csr_matrix"]
    if sentence is None:
        skops.io.dump(model, path)
        assert np.array_equal(read(path, trusted).predict(rows), model.predict(rows))
        return
    change(model)
    skops.io.dump(model, path)
    with pytest.raises(BundleError, match=sentence):
        read(path, trusted)


def test_a_tree_of_neighbours_has_both_ends_of_its_nodes(tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        found = {name: np.load(io.BytesIO(data)) for name, data in parts.items() if name.endswith(".npy")}
        (name,) = (name for name, values in found.items() if values.ndim == 3)
        parts[name] = array(found[name][:1])

    assert "tree of neighbours" in refused(rewritten(tmp_path, "neighbours", change))


def test_models_that_are_trained_with_many_threads_answer_with_one(tmp_path: Path) -> None:
    model = fitted("k-means")
    model._n_threads = 10**6
    skops.io.dump(model, tmp_path / "model.skops")
    assert read(tmp_path / "model.skops")._n_threads == 1
