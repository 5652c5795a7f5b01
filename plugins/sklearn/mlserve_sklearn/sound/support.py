"""Models that keep instances of their training: support vectors, neighbours and the trees that find them."""

from typing import Any, Final

import numpy as np

from mlserve.errors import BundleError
from mlserve_sklearn.sound.objects import features_of, has, numbers_in, require, require_matrix

_NEIGHBOURS: Final = "The tree of neighbours in the model contradicts itself."


def _check_support_vectors(model: Any) -> None:
    """libsvm is given pointers, and reads as many numbers as the classes' counts of vectors make."""
    if not has(model, "support_vectors_"):
        return
    counts, vectors = np.asarray(model._n_support), model.support_vectors_
    classifies = model._impl in ("c_svc", "nu_svc")
    number = int(vectors.shape[0])
    # Of one class and of values libsvm has two counts too, and the second means nothing.
    held = counts.sum() if classifies else counts[:1].sum()
    classes = counts.size
    pairs = classes * (classes - 1) // 2
    sizes = [getattr(model, name, np.zeros(0)).size for name in ("_probA", "_probB")]
    sparse = hasattr(vectors, "toarray")
    coefficients = model._dual_coef_.data if sparse else model._dual_coef_
    require(
        model._impl in ("c_svc", "nu_svc", "one_class", "epsilon_svr", "nu_svr")
        and counts.ndim == 1
        and (classes == len(model.classes_) >= 2 if classifies else classes == 2)
        and (counts >= 0).all()
        and held == number
        and model._dual_coef_.shape == (classes - 1, number)
        and coefficients.size == (classes - 1) * number
        and model._intercept_.size == pairs
        and model.support_.shape == (number,)
        and numbers_in(model.support_, model.shape_fit_[0])
        and all(size in (0, pairs) for size in sizes)
        and bool(model._sparse) == sparse == hasattr(model._dual_coef_, "toarray")
        and vectors.shape[1] == features_of(model)
        and isinstance(model.kernel, str)
        and not (model._sparse and model.kernel == "precomputed"),
        "The support vectors of the model contradict each other.",
    )


def _check_neighbour_tree(tree: Any) -> None:
    """The state of a KDTree or BallTree: points, their order, nodes and the nodes' bounds."""
    points, order, nodes, bounds, leaf_size, _, count, *_, metric, weights = tree.__getstate__()
    number = len(points)
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    require(
        points.ndim == 2
        and number > 0
        and order.shape == (number,)
        and np.array_equal(np.sort(order), np.arange(number))
        and leaf_size >= 1
        and count >= 1
        and nodes.shape == (count,)
        and bounds.shape == (2 if "KD" in type(tree).__name__ else 1, count, points.shape[1])
        and (nodes["idx_start"] >= 0).all()
        and (nodes["idx_start"] <= nodes["idx_end"]).all()
        and (nodes["idx_end"] <= number).all()
        and (2 * inner + 2 < count).all()
        and (weights is None or weights.shape == (number,)),
        _NEIGHBOURS,
    )
    _check_metric(metric, points)


def _check_metric(metric: Any, points: Any) -> None:
    """A distance may have weights of its own, which it compares with the points only where it makes a tree of them."""
    _, _, matrix, *_ = metric.__getstate__()
    try:
        metric._validate_data(points)
    except ValueError as error:
        raise BundleError(_NEIGHBOURS) from error
    require(matrix.shape in ((1, 1), (points.shape[1], points.shape[1])), _NEIGHBOURS)


def _check_neighbours(model: Any) -> None:
    """Instances are compared with those of the training by pointers, and answers counted by their classes."""
    if not has(model, "_fit_X"):
        return
    features, number = features_of(model), int(model._fit_X.shape[0])
    require_matrix(model, "_fit_X", number, features)
    tree = vars(model).get("_tree")
    require(
        model.n_samples_fit_ == number
        and (tree is None or np.asarray(tree.__getstate__()[0]).shape == (number, features)),
        _NEIGHBOURS,
    )
    labels = vars(model).get("_y")
    if labels is not None and "classes_" in vars(model):
        classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
        columns = np.asarray(labels).reshape(number, -1) if np.size(labels) % number == 0 else np.zeros((0, 0))
        require(
            columns.shape == (number, len(classes))
            and all(numbers_in(columns[:, at], len(known)) for at, known in enumerate(classes)),
            "The neighbours in the model are of classes that it does not have.",
        )
    for name in ("effective_metric_params_", "metric_params"):
        _check_metric_parameters(vars(model).get(name) or {}, features)


def _check_metric_parameters(parameters: dict[str, Any], features: int) -> None:
    inverse, matrix = (parameters.get(name) for name in ("VI", "V"))
    require(
        not any(name.endswith("_norm_squared") for name in parameters)
        and (inverse is None or np.shape(inverse) == (features, features))
        and (matrix is None or np.shape(matrix) in ((features,), (features, features))),
        "The distance that the model measures is of another number of features than the model.",
    )


def _check_density(model: Any) -> None:
    if has(model, "tree_"):
        points = np.asarray(model.tree_.__getstate__()[0])
        require(points.shape[1:] == (features_of(model),), _NEIGHBOURS)


CHECKS: Final = {
    "BaseLibSVM": _check_support_vectors,
    **{f"{kind}{bits}": _check_neighbour_tree for kind in ("KDTree", "BallTree") for bits in ("", "32", "64")},
    "NeighborsBase": _check_neighbours,
    "KernelDensity": _check_density,
}
