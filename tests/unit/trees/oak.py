"""A tree of three leaves, as a family would have it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Field, OutputField, Signature
from mlserve.trees import Node, nested

SIGNATURE = Signature(
    inputs=(Field("height", "float64"), Field("wood", "category", categories=("oak", "elm"))),
    outputs=(OutputField("value", "float64"),),
)


@dataclass(frozen=True)
class Oak:
    number: int = 0
    round: int = 0
    used: bool = True
    weight: float = 1.0
    block: int | None = 0
    name: str | None = None
    depth: int = 2  # Each level beyond has one more inner node below the first leaf.

    def levels(self) -> Iterable[NDArray[np.int64]]:
        yield np.array([0])
        for level in range(1, self.depth + 1):
            yield np.array([2 * level - 1, 2 * level])

    def root(self, signature: Signature) -> Node:
        return nested(self.number, self.levels(), lambda node, told: self._told(node, signature, told))

    def _told(self, node: int, signature: Signature, told: Mapping[int, Node]) -> Node:
        if node not in range(0, 2 * self.depth - 1, 2):
            return {"id": node, "leaf": node / 2, "cover": 1.0}
        field = signature.inputs[(node // 2) % 2]
        question = {"among": ["oak"]} if field.categories else {"at_most": 1.5}
        below = {"yes": told[node + 1], "no": told[node + 2]}
        return {"id": node, "field": field.name, **question, "missing": "no", "gain": 2.0, "cover": 3.0, **below}
