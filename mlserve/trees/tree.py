"""One tree of a model, for people: nested nodes with the names of the signature."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import NotSupported
from mlserve.signature import Signature

MAX_NODES: Final = 20_000  # of a tree that is told in JSON: about 3 MB
MAX_DEPTH: Final = 100  # Common JSON parsers give up somewhere beyond.

# A leaf has `id`, `leaf` and `cover`. An inner node has `id`, `field`, `missing` ("yes" or "no"), `gain`, `cover`, the
# nodes `yes` and `no`, and one question: `below`, `at_most` (a number) or `among` (categories). Where 0 counts as a
# missing value it has `zero` too.
Node = dict[str, Any]


class Tree(Protocol):
    """What a family's trees have for the resources of this package; `levels` go from the root down."""

    @property
    def number(self) -> int: ...
    @property
    def round(self) -> int: ...
    @property
    def used(self) -> bool:
        """Whether it answers: false after the best iteration."""

    @property
    def weight(self) -> float:
        """What its leaves are multiplied with."""

    @property
    def block(self) -> int | None:
        """Which class or target it adds to; None for all of them."""

    @property
    def name(self) -> str | None:
        """That block's name."""

    def levels(self) -> Iterable[NDArray[np.int64]]:
        """The numbers of the nodes, level by level."""

    def root(self, signature: Signature) -> Node:
        """The nodes, nested. Raises NotSupported, as `nested` does."""


def nested(number: int, levels: Iterable[NDArray[np.int64]], tell: Callable[[int, Mapping[int, Node]], Node]) -> Node:
    """The root of tree `number`; `tell` makes one node, given those below it by their numbers.

    Raises NotSupported for a tree of more than MAX_NODES nodes or MAX_DEPTH levels.
    """
    found: Sequence[NDArray[np.int64]] = list(levels)
    if (nodes := sum(level.size for level in found)) > MAX_NODES or len(found) > MAX_DEPTH:
        raise NotSupported(
            f"Tree {number} has {nodes:,} nodes on {len(found):,} levels; it is told up to {MAX_NODES:,} nodes on "
            f"{MAX_DEPTH} levels."
        )
    told: dict[int, Node] = {}
    for level in reversed(found):
        told |= {node: tell(node, told) for node in level.tolist()}
    return told[int(found[0][0])]
