"""Trees of decisions: their nodes, and the forests and rounds that hand them rows without another look."""

from typing import Any, Final

import numpy as np

from mlserve.errors import BundleError
from mlserve_sklearn.sound.objects import features_of, has, require

_LEAF: Final = -1
_OTHER_TREE: Final = "A tree of the model has another number of features than the model."


def _check_nodes(tree: Any) -> None:
    """A Tree of scikit-learn's: children come after their parent, which is how it numbers them."""
    # First of all: the arrays that the others are read from are as long as node_count says.
    require(1 <= tree.node_count <= tree.capacity, "A tree of the model has no nodes, or fewer than it says.")
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = np.flatnonzero(left != _LEAF)
    _require_places(inner, left[inner], right[inner], tree.node_count)
    _require_features(feature[inner], tree.n_features)


def _check_tree(model: Any) -> None:
    if has(model, "tree_"):
        require(
            type(model.tree_).__name__ == "Tree" and model.tree_.n_features == features_of(model),
            _OTHER_TREE,
        )


def _check_forest(model: Any) -> None:
    """A forest gives its rows to `tree_` itself."""
    if has(model, "estimators_"):
        features = features_of(model)
        require(all(_features(member) == features for member in model.estimators_), _OTHER_TREE)


def _check_isolation_forest(model: Any) -> None:
    """As a forest; its trees see some columns each, unless they are as many as there are."""
    if not has(model, "estimators_"):
        return
    features, seen = features_of(model), [np.asarray(columns) for columns in model.estimators_features_]
    require(len(seen) == len(model.estimators_), "The trees of the model are not as many as their lists of features.")
    for member, columns in zip(model.estimators_, seen, strict=True):
        require(columns.ndim == 1 and columns.dtype.kind in "iu" and _features(member) == columns.size, _OTHER_TREE)
        require(model._max_features != features or columns.size == features, _OTHER_TREE)


def _check_rounds(model: Any) -> None:
    """Gradient boosting adds up trees of one number each, in rounds of as many trees as there are answers."""
    if not has(model, "estimators_"):
        return
    members, features = np.asarray(model.estimators_, object), features_of(model)
    require(
        members.ndim == 2 and members.shape[1] == model.n_trees_per_iteration_,
        "The rounds of the model do not have as many trees as it says.",
    )
    for member in members.ravel():
        require(_features(member) == features, _OTHER_TREE)
        require(
            (member.tree_.n_outputs, member.tree_.max_n_classes) == (1, 1),
            "A tree of a round of the model answers more than one number.",
        )


def _features(member: Any) -> int:
    """Of a decision tree. Raises BundleError for what is none."""
    if type(getattr(member, "tree_", None)).__name__ != "Tree":
        raise BundleError("A forest of the model holds what is no tree.")
    return int(member.tree_.n_features)


def _check_boosted(model: Any) -> None:
    """The trees of HistGradientBoosting."""
    if not has(model, "_predictors"):
        return
    require(not vars(model).get("_in_fit"), "The model says that it is still being trained.")
    categorical = getattr(model._bin_mapper, "is_categorical_", None)
    features = features_of(model)
    known = np.zeros(features, bool) if categorical is None else np.asarray(categorical, bool)
    require(known.shape == (features,), "The bins of the model are of another number of features than the model.")
    if vars(model).get("_preprocessor") is not None:
        _check_columns(model._preprocessor, features)
    for predictor in (predictor for round_ in model._predictors for predictor in round_):
        nodes = predictor.nodes
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        require(nodes.size, "A tree of the model has no nodes.")
        _require_places(inner, nodes["left"][inner], nodes["right"][inner], nodes.size)
        _require_features(nodes["feature_idx"][inner], features)
        by_category = inner[nodes["is_categorical"][inner] != 0]
        sets = predictor.raw_left_cat_bitsets
        if by_category.size and (
            nodes["bitset_idx"][by_category].max() >= len(sets)
            or sets.shape[1:] != (8,)
            or not known[nodes["feature_idx"][by_category]].all()
        ):
            raise BundleError("A split of the model by category has no categories.")


def _check_columns(columns: Any, features: int) -> None:
    """What reorders the columns for the trees must give as many as there are, each as one."""
    fitted = [entry for entry in columns.transformers_ if not (isinstance(entry[1], str) and entry[1] == "drop")]
    kinds = {type(part).__name__ for _, part, _ in fitted}
    places = [at for name, _, _ in fitted for at in columns._transformer_to_input_indices[name]]
    selected = sum(np.flatnonzero(np.asarray(mask, bool)).size for _, _, mask in fitted)
    require(
        type(columns).__name__ == "ColumnTransformer"
        and kinds <= {"OrdinalEncoder", "FunctionTransformer"}
        and features_of(columns) == features
        and sorted(places) == [*range(features)]
        and selected == features,
        "What prepares the features of the model gives another number of them than it takes.",
    )


def _require_places(inner: Any, left: Any, right: Any, count: int) -> None:
    children = np.concatenate((left, right)).astype(np.int64)
    require(
        (children < count).all() and (children > np.tile(inner, 2)).all(),
        "The nodes of a tree of the model do not form a tree.",
    )


def _require_features(features: Any, count: int) -> None:
    require(
        not features.size or 0 <= features.min() <= features.max() < count,
        "A split of the model is on a feature that it does not have.",
    )


CHECKS: Final = {
    "Tree": _check_nodes,
    "BaseDecisionTree": _check_tree,
    "BaseForest": _check_forest,
    "IsolationForest": _check_isolation_forest,
    "BaseGradientBoosting": _check_rounds,
    "BaseHistGradientBoosting": _check_boosted,
}
