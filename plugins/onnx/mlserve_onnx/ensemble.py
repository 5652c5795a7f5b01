"""An ensemble of decision trees as an ONNX graph: one `TreeEnsemble` node (ai.onnx.ml, opset 5).

What becomes of the sum is not in the graph but in its metadata, and is computed here: the operators for it answer one
row and many rows differently in the last bit.

The converters of onnxmltools go by way of floats and of the names of objectives, and are silently wrong for a dozen of
them. Here a family brings its trees as arrays, and says itself what becomes of the sum.
Source: https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

INPUT: Final = "matrix"
OUTPUT: Final = "answer"
# What a node asks, as the operator numbers it: x <= split, x < split, x is one of a set.
AT_MOST, BELOW, AMONG = 0, 1, 6
_SUM: Final = 1
_OPSET, _ML_OPSET, _IR = 21, 5, 10

# The keys of the metadata.
LINK: Final = "mlserve.link"
FACTOR: Final = "mlserve.factor"
# Up to here, and a little further, an exponential is a float32.
_LARGEST_POWER: Final = 88.0

Sums = NDArray[np.floating[Any]]


def _exp(sums: Sums) -> Sums:
    """In float64, and rounded: libraries have their float32 exponentials from C, which rounds better than numpy."""
    with np.errstate(over="ignore"):
        return np.exp(sums, dtype=np.float64).astype(sums.dtype)


def _sigmoid(sums: Sums) -> Sums:
    if sums.size == 1 and sums.dtype == np.float32 and -sums.item() < _LARGEST_POWER:
        return _sigmoid_of_one(sums)
    return np.asarray(1 / (1 + _exp(-sums)))


def _sigmoid_of_one(sum_: Sums) -> Sums:
    """The same to the bit for one float32, whose steps need no array: four operations take as long as 100 trees.

    A sum and a quotient of two float32 are the same whether rounded at once or by way of a double.
    """
    power = float(np.float32(np.exp(-sum_.item())))
    return np.array([[1 / float(np.float32(1 + power))]], np.float32)


def _softmax(sums: Sums) -> Sums:
    powers = _exp(sums - sums.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True, dtype=np.float64).astype(sums.dtype))


def _softplus(sums: Sums) -> Sums:
    return np.asarray(np.logaddexp(sums.dtype.type(0), sums))


def _label(sums: Sums) -> Sums:
    return np.asarray(sums.argmax(axis=1).astype(sums.dtype).reshape(-1, 1))


# What becomes of the sums (n, targets) of the leaves.
LINKS: Final[dict[str, Callable[[Sums], Sums]]] = {
    "identity": lambda sums: sums,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "exp": _exp,
    "softplus": _softplus,
    "square": lambda sums: sums * np.abs(sums),  # with the sign of the sum
    "label": _label,
    "above": lambda sums: (sums > 0).astype(sums.dtype),
}


@dataclass(frozen=True, eq=False)
class TreeArrays:
    """One tree, whose leaves add to one target. A child below 0 is a leaf, whose number is `~child`; 0 is the root.

    A row goes to `yes` where the answer to the node's question is true; a missing value where `missing_yes` is.
    A tree of a single leaf has no nodes.
    """

    target: int
    features: NDArray[np.int64]
    modes: NDArray[np.int64]
    splits: NDArray[Any]
    yes: NDArray[np.int64]
    no: NDArray[np.int64]
    missing_yes: NDArray[np.bool_]
    weights: NDArray[Any]  # of the leaves
    sets: Sequence[NDArray[np.int64]] = ()  # of each node whose mode is AMONG, in the order of the nodes


@dataclass(frozen=True, eq=False)
class Ensemble:
    """All trees of a model, in the order in which it adds them up; `dtype` is what it compares and adds in."""

    features: int
    targets: int
    dtype: type[np.floating[Any]]
    trees: Sequence[TreeArrays]
    link: str = "identity"  # One of LINKS: what becomes of the sum, after it is multiplied with `factor`.
    factor: float = 1.0

    def graph(self) -> bytes:
        """The serialised model: `matrix` (n, features) in, `answer` (n, targets) out, both in `dtype`."""
        from onnx import helper, numpy_helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        attributes = {
            name: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            for name, value in _attributes(self).items()
        }
        node = helper.make_node("TreeEnsemble", [INPUT], [OUTPUT], domain="ai.onnx.ml", **attributes)
        inputs = [helper.make_tensor_value_info(INPUT, kind, [None, self.features])]
        outputs = [helper.make_tensor_value_info(OUTPUT, kind, [None, self.targets])]
        graph = helper.make_graph([node], "trees", inputs, outputs)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="mlserve", ir_version=_IR)
        helper.set_model_props(model, {LINK: self.link, FACTOR: repr(self.factor)})
        return bytes(model.SerializeToString())


def constant(target: int, weight: Any) -> TreeArrays:
    """A tree of a single leaf: what a model begins its sum with."""
    none, no_bools = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return TreeArrays(target, none, none, none, none, none, no_bools, np.array([weight]))


def _attributes(ensemble: Ensemble) -> dict[str, Any]:
    """The node's attributes: the trees end to end, numbered through."""
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _COLUMNS}
    roots, leaf_targets, leaf_weights, members = [], [], [], []
    nodes = leaves = 0
    for tree in ensemble.trees:
        shown = tree if tree.features.size else _with_a_node(tree)
        roots.append(nodes)
        for side, children in (("true", shown.yes), ("false", shown.no)):
            is_leaf = children < 0
            columns[f"nodes_{side}leafs"].append(is_leaf)
            columns[f"nodes_{side}nodeids"].append(np.where(is_leaf, leaves + ~children, nodes + children))
        columns["nodes_featureids"].append(shown.features)
        columns["nodes_missing_value_tracks_true"].append(shown.missing_yes)
        columns["nodes_modes"].append(shown.modes)
        columns["nodes_splits"].append(shown.splits)
        for codes in shown.sets:
            members += [codes.astype(ensemble.dtype), np.array([np.nan], ensemble.dtype)]
        leaf_targets.append(np.full(shown.weights.size, shown.target, np.int64))
        leaf_weights.append(shown.weights)
        nodes, leaves = nodes + shown.features.size, leaves + shown.weights.size
    found: dict[str, Any] = {
        name: np.concatenate(parts).astype(np.int64).tolist() for name, parts in columns.items() if name not in _TENSORS
    }
    found |= {
        "nodes_modes": np.concatenate(columns["nodes_modes"]).astype(np.uint8),
        "nodes_splits": np.concatenate(columns["nodes_splits"]).astype(ensemble.dtype),
        "leaf_targetids": np.concatenate(leaf_targets).tolist(),
        "leaf_weights": np.concatenate(leaf_weights).astype(ensemble.dtype),
        "tree_roots": roots,
        "n_targets": ensemble.targets,
        "aggregate_function": _SUM,
        "post_transform": 0,
    }
    return found | ({"membership_values": np.concatenate(members)} if members else {})


_TENSORS: Final = ("nodes_modes", "nodes_splits")
_COLUMNS: Final = (
    *_TENSORS,
    *("nodes_trueleafs", "nodes_falseleafs", "nodes_truenodeids", "nodes_falsenodeids"),
    *("nodes_featureids", "nodes_missing_value_tracks_true"),
)


def _with_a_node(tree: TreeArrays) -> TreeArrays:
    """The operator has no tree without a node: one whose both ways lead to the leaf."""
    zero, leaf = np.zeros(1, np.int64), np.full(1, ~0, np.int64)
    return TreeArrays(tree.target, zero, zero + AT_MOST, zero, leaf, leaf, np.ones(1, np.bool_), tree.weights)
