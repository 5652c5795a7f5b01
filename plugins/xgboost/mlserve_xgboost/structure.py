"""Checks that the trees of a model file hang together before the library sees them.

XGBoost trusts its files: one flipped bit in a child's number makes `predict` read outside the tree or walk in a circle,
which ends or hangs the whole server. What is checked here is what `GBTreeModel` and `RegTree` index by without looking.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

MAX_DEPTH: Final = 10_000  # The library measures a tree's depth by recursion; a million levels overflow its stack.
_MAX_CATEGORY: Final = 2**24  # The library's own limit: codes travel as float32.

Integers = np.ndarray[Any, np.dtype[np.int64]]


def integers(value: Any, what: str, size: int | None = None) -> Integers:
    """`value` as whole numbers. Raises ValueError where it is anything else, or not `size` of them."""
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "biu"):
        raise ValueError(f"{what} is not a list of whole numbers")
    _require_size(array, what, size)
    return array.astype(np.int64)


def floats(value: Any, what: str, size: int | None = None) -> np.ndarray:
    """`value` as numbers. Raises ValueError where it is anything else, or not `size` of them."""
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "biuf"):
        raise ValueError(f"{what} is not a list of numbers")
    _require_size(array, what, size)
    return array


def number(value: Any, what: str) -> int:
    """A whole number, which XGBoost writes as text in its parameters."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{what} is not a whole number")
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{what} is not a whole number") from None


def check_trees(model: Mapping[str, Any], features: int, groups: int) -> Integers:
    """Check every tree; `groups` is the width of one row's answer.

    Returns the highest category code that any split on each feature names, -1 where none does: shape (features,).
    Raises ValueError with what is wrong.
    """
    trees = model["trees"]
    if not isinstance(trees, list) or len(trees) != number(model["gbtree_model_param"]["num_trees"], "num_trees"):
        raise ValueError("the number of its trees is not what it says")
    if sorted(number(tree["id"], "the id of a tree") for tree in trees) != list(range(len(trees))):
        raise ValueError("its trees are not numbered one after the other")
    owners = integers(model["tree_info"], "tree_info", len(trees))
    if owners.size and not 0 <= owners.min() <= owners.max() < groups:
        raise ValueError("a tree belongs to an output that the model does not have")
    if len({leaf_width(tree) for tree in trees}) > 1:
        raise ValueError("some of its leaves are vectors and some are not")
    highest = np.full(features, -1, np.int64)
    for position, tree in enumerate(trees):
        try:
            _check_tree(tree, features, groups, highest)
        except ValueError as error:
            raise ValueError(f"in tree {position}, {error}") from None
    return highest


def leaf_width(tree: Mapping[str, Any]) -> int:
    """How many values a leaf has: 1, or with `multi_output_tree` one for each output."""
    width = number(tree["tree_param"].get("size_leaf_vector", 1), "size_leaf_vector")
    return 1 if width == 0 else width  # XGBoost 1.x wrote 0 for a single one.


def deeper_than(left: Integers, right: Integers, levels: int) -> bool:
    """Whether a tree has more levels than that below its root; its nodes form a tree, and `left` is -1 at a leaf."""
    if left.size <= 2 * levels:  # Each level has two nodes at least.
        return False
    level = np.zeros(1, np.int64)
    for _ in range(levels + 1):
        inner = level[left[level] != -1]
        level = np.concatenate((left[inner], right[inner]))
        if not level.size:
            return False
    return True


def work_of_paths(trees: Sequence[Mapping[str, Any]], features: int, levels: int) -> int:
    """What TreeSHAP goes through for one row: for each leaf the square of how many features its path may have.

    That is its depth, or `features` where they are fewer. Leaves below `levels` do not count. The trees are checked.
    """
    starts = np.cumsum([0, *(len(tree["left_children"]) for tree in trees)])
    left, right = (
        np.concatenate([np.zeros(0, np.int64), *map(_within_all, (tree[key] for tree in trees), starts)])
        for key in ("left_children", "right_children")
    )
    level, work = starts[:-1], 0
    for depth in range(levels + 1):
        inner = level[left[level] >= 0]
        work += (level.size - inner.size) * min(depth, features) ** 2
        level = np.concatenate((left[inner], right[inner]))
        if not level.size:
            break
    return work


def _within_all(children: Any, start: int) -> Integers:
    """The numbers of a tree's nodes where all trees' nodes are numbered one after the other; -1 stays at a leaf."""
    own = np.asarray(children, np.int64)
    return np.where(own < 0, -1, own + start)


def rounds(model: Mapping[str, Any], groups: int) -> int:
    """The number of boosting rounds. Raises ValueError where the file contradicts itself."""
    parameters = model["gbtree_model_param"]
    trees = number(parameters["num_trees"], "num_trees")
    if "iteration_indptr" not in model:  # Files of XGBoost 1.x: every round has the same number of trees.
        per_round = groups * number(parameters.get("num_parallel_tree", 1), "num_parallel_tree")
        if per_round < 1 or trees % per_round:
            raise ValueError("its trees do not fill whole boosting rounds")
        return trees // per_round
    starts = integers(model["iteration_indptr"], "iteration_indptr")
    if not starts.size or starts[0] != 0 or starts[-1] != trees or (np.diff(starts) < 0).any():
        raise ValueError("its boosting rounds do not add up to its trees")
    return int(starts.size - 1)


def _check_tree(tree: Mapping[str, Any], features: int, groups: int, highest: Integers) -> None:
    parameters = tree["tree_param"]
    nodes = number(parameters["num_nodes"], "num_nodes")
    width = leaf_width(tree)
    if nodes < 1 or width not in (1, groups):
        raise ValueError("the size of the tree or of its leaves makes no sense")
    if number(parameters.get("num_feature", features), "num_feature") != features:
        raise ValueError("the number of features is not the model's")
    left = integers(tree["left_children"], "left_children", nodes)
    right = integers(tree["right_children"], "right_children", nodes)
    splits = integers(tree["split_indices"], "split_indices", nodes)
    inner = np.flatnonzero(left != -1)
    _check_children(integers(tree["parents"], "parents", nodes), left, right, inner)
    if inner.size and not 0 <= splits[inner].min() <= splits[inner].max() < features:
        raise ValueError("a split is on a feature that the model does not have")
    floats(tree["split_conditions"], "split_conditions", nodes)
    integers(tree["default_left"], "default_left", nodes)
    _check_values(tree, nodes, width, right[left == -1])
    _check_categories(tree, left != -1, splits, highest)


def _check_children(parents: Integers, left: Integers, right: Integers, inner: Integers) -> None:
    """Each inner node has two children of its own and the root is nobody's child, so that no walk can go round."""
    children = np.concatenate((left[inner], right[inner]))
    if children.size and not 0 < children.min() <= children.max() < left.size:
        raise ValueError("a child is outside the tree")
    if (parents[children] != np.tile(inner, 2)).any() or np.unique(children).size != children.size:
        raise ValueError("its nodes do not form a tree")
    if deeper_than(left, right, MAX_DEPTH):
        raise ValueError(f"it is deeper than {MAX_DEPTH} levels")


def _check_values(tree: Mapping[str, Any], nodes: int, width: int, leaves: Integers) -> None:
    """The numbers at the nodes; in a tree with vector leaves, a leaf's right child is its place in `leaf_weights`."""
    if width > 1 and "leaf_weights" not in tree:
        raise ValueError("its leaves are vectors as XGBoost wrote them before 3.2, which later ones cannot read")
    for key in ("loss_changes", "sum_hessian"):
        floats(tree[key], key, nodes)
    floats(tree["base_weights"], "base_weights", nodes * width)
    if width > 1:
        weights = floats(tree["leaf_weights"], "leaf_weights")
        if weights.size % width or not 0 <= leaves.min() <= leaves.max() < weights.size // width:
            raise ValueError("a leaf has no values")


def _check_categories(tree: Mapping[str, Any], inner: np.ndarray, splits: Integers, highest: Integers) -> None:
    if "split_type" not in tree:  # Files of XGBoost before 1.3 know no categories.
        return
    kinds = integers(tree["split_type"], "split_type", inner.size)
    if not ((kinds == 0) | (kinds == 1)).all():
        raise ValueError("a split is neither by number nor by category")
    holders = integers(tree["categories_nodes"], "categories_nodes")
    starts = integers(tree["categories_segments"], "categories_segments", holders.size)
    sizes = integers(tree["categories_sizes"], "categories_sizes", holders.size)
    codes = integers(tree["categories"], "categories")
    if not np.array_equal(holders, np.flatnonzero(kinds == 1)):
        raise ValueError("a split by category has no categories")
    if not holders.size:
        return
    if starts.min() < 0 or sizes.min() < 1 or (sizes > codes.size).any() or (starts > codes.size - sizes).any():
        raise ValueError("a split's categories are not in the file")
    if not 0 <= codes.min() <= codes.max() < _MAX_CATEGORY:
        raise ValueError("a category's code is out of range")
    for node, start, size in zip(holders.tolist(), starts.tolist(), sizes.tolist(), strict=True):
        if inner[node]:  # A pruned split keeps its categories.
            highest[splits[node]] = max(highest[splits[node]], codes[start : start + size].max())


def sequence(value: Any, what: str) -> list[Any]:
    """`value` as a list. Raises ValueError where it is none."""
    if not isinstance(value, list | np.ndarray):
        raise ValueError(f"{what} is not a list")
    return list(value)


def _require_size(array: np.ndarray, what: str, size: int | None) -> None:
    if size is not None and array.size != size:
        raise ValueError(f"{what} has {array.size} values and needs {size}")
