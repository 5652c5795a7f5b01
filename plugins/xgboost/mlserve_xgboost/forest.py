"""The trees of a model, for people: read from its file, with the signature's names, without the library."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Field, Signature
from mlserve.trees import Node, nested
from mlserve_xgboost.explanation import blocks_of
from mlserve_xgboost.model_file import ModelFile, document_of
from mlserve_xgboost.structure import leaf_width


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree; the arrays are as long as its nodes, deleted ones too, and node 0 is the root."""

    number: int
    round: int
    used: bool  # False: after the best iteration
    weight: float  # of a tree that dart has dropped at times; else 1
    block: int | None  # which of the blocks it adds to; None: its leaves are vectors and add to all
    name: str | None  # of the block
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    features: NDArray[np.int64]
    values: NDArray[np.float32]  # what a split compares with; at a leaf its value
    default_left: NDArray[np.bool_]
    gains: NDArray[np.float32]
    covers: NDArray[np.float32]
    categories: Mapping[int, NDArray[np.int64]]  # by node: the codes that a split by category sends to the right
    leaves: NDArray[np.float32] | None  # of vectors (leaves, outputs)

    def levels(self) -> Iterator[NDArray[np.int64]]:
        """The nodes from the root down, level by level."""
        level = np.zeros(1, np.int64)
        while level.size:
            yield level
            inner = level[self.left[level] != -1]
            level = np.concatenate((self.left[inner], self.right[inner]))

    def root(self, signature: Signature) -> Node:
        """The nodes, nested. An inner node says which instances go to `yes`; `missing` is where a missing value goes.

        Raises NotSupported for a tree of too many nodes or levels.
        """
        fields = signature.inputs
        return nested(self.number, self.levels(), lambda node, told: self._told(node, fields, told))

    def _told(self, node: int, fields: tuple[Field, ...], told: Mapping[int, Node]) -> Node:
        cover = shortest(self.covers[node])
        if self.left[node] == -1:
            return {"id": node, "leaf": self._leaf(node), "cover": cover}
        field, value = fields[self.features[node]], shortest(self.values[node])
        yes, no = int(self.left[node]), int(self.right[node])
        condition: Node
        if node in self.categories:
            # The library sends to the right what is among the categories, and all else to the left.
            yes, no = no, yes
            condition = {"among": [field.categories[code] for code in self.categories[node].tolist()]}
        elif field.type == "category":  # The model knows its codes as numbers only.
            condition = {"among": [name for code, name in enumerate(field.categories) if code < value]}
        else:
            condition = {"below": value}
        goes_to_yes = bool(self.default_left[node]) == (yes == self.left[node])
        return {
            "id": node,
            "field": field.name,
            **condition,
            "missing": "yes" if goes_to_yes else "no",
            "gain": shortest(self.gains[node]),
            "cover": cover,
            "yes": told[yes],
            "no": told[no],
        }

    def _leaf(self, node: int) -> float | list[float]:
        if self.leaves is None:
            return shortest(self.values[node])
        return [shortest(value) for value in self.leaves[self.right[node]]]


class Forest:
    """All trees of a model, by number."""

    def __init__(self, raw: bytes, file: ModelFile, signature: Signature) -> None:
        """`raw` is the file's content, which was checked when it was loaded."""
        gradient = document_of(raw)["learner"]["gradient_booster"]
        model = gradient["gbtree"]["model"] if file.booster == "dart" else gradient["model"]
        by_number = sorted(model["trees"], key=lambda tree: int(tree["id"]))
        weights = gradient["weight_drop"] if file.booster == "dart" else [1.0] * len(by_number)
        blocks = blocks_of(file, signature)
        rounds = _rounds(model, file.rounds)
        self.trees: tuple[Tree, ...] = tuple(
            _tree(
                tree,
                number=number,
                round=int(rounds[number]),
                used=bool(rounds[number] < file.used_rounds),
                weight=shortest(weights[number]),
                block=None if file.vector_leaves else int(model["tree_info"][number]),
                name=None if file.vector_leaves else blocks[model["tree_info"][number]],
            )
            for number, tree in enumerate(by_number)
        )


def shortest(value: Any) -> float:
    """A float32 as the number whose text is the shortest that means it."""
    return float(str(np.float32(value)))


def _rounds(model: Mapping[str, Any], rounds: int) -> NDArray[np.int64]:
    """The boosting round of each tree."""
    trees = len(model["trees"])
    if "iteration_indptr" not in model:  # Files of XGBoost 1.x: every round has the same number of trees.
        return np.arange(trees) * rounds // max(trees, 1)
    starts = np.asarray(model["iteration_indptr"], np.int64)
    return np.repeat(np.arange(rounds), starts[1:] - starts[:-1])


def _tree(tree: Mapping[str, Any], **about: Any) -> Tree:
    width = leaf_width(tree)
    holders = np.asarray(tree.get("categories_nodes", ()), np.int64).tolist()
    starts = np.asarray(tree.get("categories_segments", ()), np.int64)
    sizes = np.asarray(tree.get("categories_sizes", ()), np.int64)
    codes = np.asarray(tree.get("categories", ()), np.int64)
    left = np.asarray(tree["left_children"], np.int64)
    return Tree(
        **about,
        left=left,
        right=np.asarray(tree["right_children"], np.int64),
        features=np.asarray(tree["split_indices"], np.int64),
        values=np.asarray(tree["split_conditions"], np.float32),
        default_left=np.asarray(tree["default_left"], np.bool_),
        gains=np.asarray(tree["loss_changes"], np.float32),
        covers=np.asarray(tree["sum_hessian"], np.float32),
        categories={
            node: codes[start : start + size]
            for node, start, size in zip(holders, starts, sizes, strict=True)
            if left[node] != -1
        },
        leaves=np.asarray(tree["leaf_weights"], np.float32).reshape(-1, width) if width > 1 else None,
    )
