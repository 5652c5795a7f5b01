"""The trees of a model, for people: read from its file, with the signature's names, without the library."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Field, Signature
from mlserve.trees import Node, nested
from mlserve_lightgbm.explanation import blocks_of
from mlserve_lightgbm.model_file import ModelFile, trees_of
from mlserve_lightgbm.structure import MISSING, Numbers, TreeText


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree. Its nodes are the inner ones, which count from 0, and after them the leaves."""

    number: int
    round: int
    block: int | None
    name: str | None
    text: TreeText
    used: bool = True  # The file has no rounds beyond the best one.
    weight: float = 1.0  # The leaves in the file are weighted already.

    @property
    def inner(self) -> int:
        return self.text.leaves - 1

    def levels(self) -> Iterator[NDArray[np.int64]]:
        """The nodes from the root down, level by level."""
        level = np.zeros(1, np.int64)
        while level.size:
            yield level
            split = level[level < self.inner]
            below = np.concatenate((self.text.left[split], self.text.right[split]))
            level = np.where(below < 0, self.inner + ~below, below)

    def root(self, signature: Signature) -> Node:
        """The nodes, nested. An inner node says which instances go to `yes`; `missing` is where a missing value goes.

        Raises NotSupported for a tree of too many nodes or levels.
        """
        fields, text = signature.inputs, self.text
        numbers = {
            "gain": text.numbers("split_gain", self.inner),
            "inner": text.numbers("internal_count", self.inner),
            "leaf": text.numbers("leaf_count", text.leaves),
            "value": text.numbers("leaf_const" if text.linear else "leaf_value", text.leaves),
        }
        return nested(self.number, self.levels(), lambda node, told: self._told(node, fields, numbers, told))

    def _told(
        self, node: int, fields: tuple[Field, ...], numbers: Mapping[str, Numbers | None], told: Mapping[int, Node]
    ) -> Node:
        if node >= self.inner:
            leaf = node - self.inner
            return {"id": node, "leaf": _at(numbers["value"], leaf), "cover": _at(numbers["leaf"], leaf)}
        text, field = self.text, fields[self.text.features[node]]
        yes, no = (int(children[node]) for children in (text.left, text.right))
        value = float(text.thresholds[node])
        kind = MISSING[text.missing[node]]
        condition: Node
        if text.by_category[node]:
            codes = text.sets[int(value)].tolist()
            names = field.categories
            condition = {"among": [names[code] if code < len(names) else str(code) for code in codes]}
            missing_left = False
        else:
            if field.type == "category":  # The model knows its codes as numbers only.
                condition = {"among": [name for code, name in enumerate(field.categories) if code <= value]}
            else:
                condition = {"at_most": value}
            # Where the model saw no missing values in training, one counts as 0.
            missing_left = value >= 0 if kind == "none" else bool(text.default_left[node])
            condition |= {"zero": "missing"} if kind == "zero" else {}
        return {
            "id": node,
            "field": field.name,
            **condition,
            "missing": "yes" if missing_left else "no",
            "gain": _at(numbers["gain"], node),
            "cover": _at(numbers["inner"], node),
            "yes": told[yes if yes >= 0 else self.inner + ~yes],
            "no": told[no if no >= 0 else self.inner + ~no],
        }


class Forest:
    """All trees of a model, by number."""

    def __init__(self, raw: bytes, file: ModelFile, signature: Signature) -> None:
        """`raw` is the file's content, which was checked when it was loaded."""
        blocks = blocks_of(file, signature)
        self.trees: tuple[Tree, ...] = tuple(
            Tree(number, number // file.classes, number % file.classes, blocks[number % file.classes], text)
            for number, text in enumerate(trees_of(raw, file.features))
        )


def _at(numbers: Numbers | None, place: int) -> float | None:
    return None if numbers is None else float(numbers[place])
