"""Reads the trees of a LightGBM text file, and checks that they hang together before the library sees them.

LightGBM trusts its files: it reads a tree's lines up to an `=` that may never come, and one changed digit in a child's
number makes `predict` read outside the tree or walk in a circle, which ends or hangs the whole server. What is checked
here is what `Tree::Tree` and `Tree::Predict` read and index by without looking.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_DEPTH: Final = 10_000  # The library measures a tree's depth by recursion; a million levels overflow its stack.

_INTEGERS: Final = re.compile(r"-?[0-9]{1,10}(?: -?[0-9]{1,10})*")
# Python reads more as a number than the library does: `1_0`, `infinity`, digits of other scripts.
_NUMBERS: Final = re.compile(r"[-+0-9.eEinfa ]+")
# All that LightGBM writes about a tree: it reads 22 lines at most.
_KEYS: Final = frozenset(
    {
        *("num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type"),
        *("left_child", "right_child", "leaf_value", "leaf_weight", "leaf_count", "internal_value"),
        *("internal_weight", "internal_count", "cat_boundaries", "cat_threshold", "is_linear", "leaf_const"),
        *("num_features", "leaf_features", "leaf_coeff", "shrinkage"),
    }
)
_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # Bits of a decision's type; the next two say what is missing.
MISSING: Final = ("none", "zero", "nan")

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TreeText:
    """One checked tree. Inner nodes count from 0; a child below 0 is a leaf, whose number is `~child`."""

    leaves: int
    leaf_values: Numbers  # (leaves,)
    features: Integers  # (inner,) what each inner node splits on
    thresholds: Numbers  # (inner,); of a split by category its number among the tree's sets
    decisions: Integers  # (inner,) the bits of its type
    left: Integers  # (inner,)
    right: Integers  # (inner,)
    depths: Integers  # (leaves,) how many splits lead to each leaf
    sets: tuple[Integers, ...]  # of each split by category, the codes that go to the left
    linear: bool  # its leaves are linear models
    lines: Mapping[str, str]  # the rest, as it is written

    @property
    def by_category(self) -> NDArray[np.bool_]:
        """(inner,) which splits are by category."""
        return np.asarray((self.decisions & _CATEGORICAL) != 0, np.bool_)

    @property
    def default_left(self) -> NDArray[np.bool_]:
        """(inner,) which splits send what is missing to the left."""
        return np.asarray((self.decisions & _DEFAULT_LEFT) != 0, np.bool_)

    @property
    def missing(self) -> Integers:
        """(inner,) what counts as missing at each split: a place in MISSING."""
        return self.decisions >> 2

    def numbers(self, key: str, size: int) -> Numbers | None:
        """One of the lines that answers do not need, such as the gains; None where it has not so many numbers."""
        text = self.lines.get(key, "")
        return numbers(text, key, size) if text and text.count(" ") == size - 1 else None


def read_tree(lines: list[str], features: int) -> TreeText:
    """Check the lines of one tree. Raises ValueError or KeyError with what is wrong."""
    found = _by_key(lines)
    leaves = number(found["num_leaves"], "num_leaves")
    if leaves < 1:
        raise ValueError("num_leaves is below 1")
    inner = leaves - 1
    linear = number(found.get("is_linear", "0"), "is_linear")
    if linear not in (0, 1):  # The library takes every number but 0 for yes.
        raise ValueError("is_linear is neither 0 nor 1")
    values = numbers(found["leaf_value"], "leaf_value", leaves)
    if "shrinkage" in found:
        numbers(found["shrinkage"], "shrinkage", 1)
    splits = integers(found["split_feature"], "split_feature", inner)
    if inner and not 0 <= splits.min() <= splits.max() < features:
        raise ValueError("a split is on a feature that the model does not have")
    decisions = integers(found["decision_type"], "decision_type", inner) if "decision_type" in found else splits * 0
    if inner and not (decisions.min() >= 0 and decisions.max() < 4 * len(MISSING)):
        raise ValueError("a split is of a type that LightGBM does not have")
    thresholds = numbers(found["threshold"], "threshold", inner)
    left, right = (integers(found[key], key, inner) for key in ("left_child", "right_child"))
    _check_others(found, inner, leaves)
    if linear:
        _check_linear(found, leaves, features)
    return TreeText(
        leaves=leaves,
        leaf_values=values,
        features=splits,
        thresholds=thresholds,
        decisions=decisions,
        left=left,
        right=right,
        depths=_depths(left, right, leaves),
        sets=_sets(found, thresholds[(decisions & _CATEGORICAL) != 0]),
        linear=linear == 1,
        lines=found,
    )


def number(text: str, what: str) -> int:
    """A whole number. Raises ValueError where it is anything else."""
    if not re.fullmatch(r"-?[0-9]{1,10}", text):
        raise ValueError(f"{what} is not a whole number")
    return int(text)


def integers(text: str, what: str, size: int, *, spaced: bool = False) -> Integers:
    """So many whole numbers; `spaced` ones may have several spaces between them. Raises ValueError."""
    parts = text.split()
    if parts and not _INTEGERS.fullmatch(" ".join(parts) if spaced else text):
        raise ValueError(f"{what} is not a list of whole numbers")
    array = np.fromiter(map(int, parts), np.int64, len(parts))
    _require_size(array, what, size)
    if array.size and not -(2**31) <= array.min() <= array.max() < 2**32:
        raise ValueError(f"{what} has a number out of range")
    return array


def numbers(text: str, what: str, size: int, *, spaced: bool = False) -> Numbers:
    """So many numbers; `spaced` ones may have several spaces between them. Raises ValueError."""
    parts = text.split()
    regular = not parts or spaced or text.count(" ") == len(parts) - 1
    if parts and not (regular and _NUMBERS.fullmatch(text)):
        raise ValueError(f"{what} is not a list of numbers")
    array = np.fromiter(map(float, parts), np.float64, len(parts))
    _require_size(array, what, size)
    return array


def _by_key(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or key not in _KEYS:
            raise ValueError(f"the line {line[:40]!r} is none that LightGBM writes")
        if key in found:
            raise ValueError(f"{key} is there twice")
        found[key] = value
    return found


def _check_others(found: Mapping[str, str], inner: int, leaves: int) -> None:
    """What the library reads without needing it; of a tree of one leaf it reads none of them."""
    sizes = {"split_gain": inner, "internal_value": inner, "internal_weight": inner, "leaf_weight": leaves}
    for key, size in sizes.items():
        if inner and key in found:
            numbers(found[key], key, size)
    for key, size in {"internal_count": inner, "leaf_count": leaves}.items():
        if inner and key in found:
            integers(found[key], key, size)


def _depths(left: Integers, right: Integers, leaves: int) -> Integers:
    """How many splits lead to each leaf. Raises ValueError unless the nodes form one tree."""
    depths = np.full(leaves, -1, np.int64)
    if leaves == 1:
        return depths + 1
    children = np.concatenate((left, right))
    if children.max() >= left.size or children.min() < -leaves or 0 in children:
        raise ValueError("a child is outside the tree")
    if np.unique(children).size != children.size:
        raise ValueError("its nodes do not form a tree")
    level, seen, depth = np.zeros(1, np.int64), 0, 0
    while level.size:
        seen, depth = seen + level.size, depth + 1
        if depth > MAX_DEPTH:
            raise ValueError(f"it is deeper than {MAX_DEPTH} levels")
        below = np.concatenate((left[level], right[level]))
        depths[~below[below < 0]] = depth
        level = below[below >= 0]
    if seen != left.size:  # Some inner nodes lead to each other, and none from the root to them.
        raise ValueError("its nodes do not form a tree")
    return depths


def _sets(found: Mapping[str, str], numbered: Numbers) -> tuple[Integers, ...]:
    """The codes of each set of categories; `numbered` are the sets that splits name."""
    count = number(found["num_cat"], "num_cat")
    if count < 0 or count > numbered.size:
        raise ValueError("num_cat is not the number of its splits by category")
    if numbered.size and not (numbered.min() >= 0 and numbered.max() < count and (numbered % 1 == 0).all()):
        raise ValueError("a split names categories that the tree does not have")
    if not count:
        return ()
    bounds = integers(found["cat_boundaries"], "cat_boundaries", count + 1)
    if bounds[0] != 0 or (np.diff(bounds) < 0).any():
        raise ValueError("cat_boundaries do not rise from 0")
    words = integers(found["cat_threshold"], "cat_threshold", int(bounds[-1]))
    if words.size and words.min() < 0:
        raise ValueError("cat_threshold has a number below 0")
    return tuple(_codes(words[start:end]) for start, end in pairwise(bounds.tolist()))


def _codes(words: Integers) -> Integers:
    """The places of the bits that are set in words of 32 bits."""
    bits = (words[:, None] >> np.arange(32)) & 1
    return np.flatnonzero(bits.reshape(-1)).astype(np.int64)


def _check_linear(found: Mapping[str, str], leaves: int, features: int) -> None:
    numbers(found["leaf_const"], "leaf_const", leaves)
    sizes = integers(found["num_features"], "num_features", leaves)
    if sizes.min() < 0:
        raise ValueError("num_features has a number below 0")
    total = int(sizes.sum())
    used = integers(found["leaf_features"], "leaf_features", total, spaced=True)
    numbers(found["leaf_coeff"], "leaf_coeff", total, spaced=True)
    if used.size and not 0 <= used.min() <= used.max() < features:
        raise ValueError("a leaf's linear model has a feature that the model does not have")


def _require_size(array: NDArray[Any], what: str, size: int) -> None:
    if array.size != size:
        raise ValueError(f"{what} has {array.size} values and needs {size}")
