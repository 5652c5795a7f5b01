"""Reads what a LightGBM text file says about itself, without the library."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlserve.trees import read_model
from mlserve_lightgbm.structure import TreeText, integers, number, read_tree

EXPLAINED_DEPTH: Final = 256  # The time and room of TreeSHAP grow with the square of a tree's depth and more.
MAX_WIDTH: Final = 100_000  # features, and values in one row's answer: a damaged number must not exhaust the memory
FIRST_LINE: Final = b"tree\n"

_VERSIONS: Final = ("v2", "v3", "v4")
_CUSTOM: Final = "custom"
_END: Final = "\nend of parameters\n"
_PANDAS: Final = "pandas_categorical:"
_BARE: Final = frozenset({"tree", "average_output"})  # The lines of the head that have no value.
_RANGE: Final = re.compile(r"\[([^ :\[\]]+):([^ :\[\]]+)\]")
_CODES: Final = re.compile(r"-?[0-9]{1,10}(?::-?[0-9]{1,10})*")
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?"
# What an objective says of itself after its name; the library reads it to compute the answer.
_OBJECTIVE: Final = re.compile(
    rf"(?P<name>[a-z_0-9]+)(?: (?:(?P<root>sqrt)|num_class:(?P<classes>[0-9]{{1,6}})|sigmoid:(?P<sigmoid>{_NUMBER})))*"
)


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What the file says. `raw` is what was checked, and therefore what the library must be given."""

    raw: bytes
    objective: str  # "custom" where the file names none: its answers are the sums of its leaves
    root: bool  # it was trained on square roots, and answers squares
    sigmoid: float  # what the margin is multiplied with before it becomes a probability
    names: tuple[str, ...]
    by_category: tuple[bool, ...]  # by feature, whether it is split by category
    categories: tuple[tuple[str, ...] | None, ...]  # by feature, in the order of their codes; None: not in the file
    lists: tuple[tuple[str, ...], ...]  # the names of each categorical column of a data frame, whosever they are
    highest_codes: tuple[int, ...]  # by feature, the highest category code that training saw or a split names; -1: none
    classes: int  # how many numbers it answers for a row: 1, or its number of classes
    trees: int
    average: bool  # a random forest: the answer is the mean of its trees and not their sum
    linear: bool  # leaves are linear models
    deep: bool  # a tree has more than EXPLAINED_DEPTH levels
    explaining_work: int  # of one row: the squares of the lengths of all paths
    parameters: Mapping[str, str]  # of the training

    @property
    def features(self) -> int:
        return len(self.names)

    @property
    def rounds(self) -> int:
        return self.trees // self.classes


def read(path: Path) -> ModelFile:
    """Read and check a model file. Raises BundleError, whose sentence names the file, for anything else."""
    return read_model(path, parse, "LightGBM model")


def parse(raw: bytes) -> ModelFile:
    """Read and check a model. Raises ValueError, KeyError, TypeError or RecursionError with what is wrong."""
    head, blocks, tail = parts_of(raw)
    features = number(head["max_feature_idx"], "max_feature_idx") + 1
    classes = number(head["num_class"], "num_class")
    if not (1 <= features <= MAX_WIDTH and 1 <= classes <= MAX_WIDTH):
        raise ValueError(f"it has {features} features and {classes} classes, and may have 1 to {MAX_WIDTH:,} of each")
    if number(head.get("num_tree_per_iteration", head["num_class"]), "num_tree_per_iteration") != classes:
        raise ValueError("num_tree_per_iteration is not num_class")
    number(head["label_index"], "label_index")
    names, infos = (_words(head[key], key, features) for key in ("feature_names", "feature_infos"))
    if "monotone_constraints" in head:
        integers(head["monotone_constraints"], "monotone_constraints", features)
    trees = [_tree(at, block, features) for at, block in enumerate(blocks)]
    if len(trees) % classes:
        raise ValueError("its trees do not fill whole boosting rounds")
    parameters, pandas = _tail(tail)
    by_category, highest = _categories_used(trees, infos, parameters.get("categorical_feature", ""))
    objective = _objective(head.get("objective", _CUSTOM), classes)
    lists = [tuple(map(_text, values)) for values in pandas]
    return ModelFile(
        raw=raw,
        objective=objective["name"],
        root=objective["root"] is not None,
        sigmoid=float(objective["sigmoid"] or 1),
        names=names,
        by_category=tuple(by_category.tolist()),
        categories=_category_names(lists, infos, by_category, highest),
        lists=tuple(names for names in lists if names and _is_list(names)),
        highest_codes=tuple(highest.tolist()),
        classes=classes,
        trees=len(trees),
        average="average_output" in head,
        linear=any(tree.linear for tree in trees),
        deep=any(tree.depths.max() > EXPLAINED_DEPTH for tree in trees),
        explaining_work=sum(int((np.minimum(tree.depths, features) ** 2).sum()) for tree in trees),
        parameters=parameters,
    )


def trees_of(raw: bytes, features: int) -> list[TreeText]:
    """The trees of a model that was checked before."""
    return [_tree(at, block, features) for at, block in enumerate(parts_of(raw)[1])]


def parts_of(raw: bytes) -> tuple[dict[str, str], list[list[str]], str]:
    """The head by key, the lines of each tree, and what comes after them. Raises ValueError, KeyError."""
    if not raw.startswith(FIRST_LINE):
        raise ValueError("its first line is not `tree`")
    if b"\r" in raw or b"\0" in raw:
        raise ValueError("it has carriage returns or NUL bytes: LightGBM writes none, and counts its bytes")
    start = raw.find(b"\nTree=") + 1
    if not start:
        raise ValueError("it has no trees")
    head = _head(raw[:start].decode("utf-8").split("\n"))
    # The library goes by these sizes, without looking whether a tree ends where the next one begins.
    sizes = head["tree_sizes"].split(" ")
    blocks = []
    for at, size in enumerate(sizes):
        end = start + number(size, "tree_sizes")
        blocks.append(_lines(raw[start:end], at))
        start = end
    tail = raw[start:].decode("utf-8")
    if not tail.startswith("end of trees\n"):
        raise ValueError("its trees do not end where tree_sizes says")
    return head, blocks, tail


def _head(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in filter(None, lines):
        key, equals, value = line.partition("=")
        if key in found:
            raise ValueError(f"{key} is there twice")
        if not equals and key not in _BARE:
            raise ValueError(f"the line {line[:40]!r} is none that LightGBM writes")
        if "=" in value and key != "feature_names":
            raise ValueError(f"the line of {key} has a second =")
        found[key] = value
    if found["version"] not in _VERSIONS:
        raise ValueError(f"its format is {found['version'][:20]!r}, and {', '.join(_VERSIONS)} can be read")
    return found


def _lines(block: bytes, at: int) -> list[str]:
    """The lines of one tree: `Tree=`, what it has, and empty lines at its end only."""
    first, *lines = block.decode("ascii").rstrip("\n").split("\n")
    if first != f"Tree={at}" or not block.endswith(b"\n\n"):
        raise ValueError(f"tree {at} does not begin or end where tree_sizes says")
    return lines


def _tree(at: int, lines: list[str], features: int) -> TreeText:
    try:
        return read_tree(lines, features)
    except ValueError as error:
        raise ValueError(f"in tree {at}, {error}") from None


def _words(text: str, what: str, size: int) -> tuple[str, ...]:
    words = tuple(text.split(" "))
    if len(words) != size or "" in words:
        raise ValueError(f"{what} does not hold {size} words")
    return words


def _objective(text: str, classes: int) -> re.Match[str]:
    found = _OBJECTIVE.fullmatch(text)
    if found is None:
        raise ValueError(f"the objective {text[:40]!r} is none that LightGBM writes")
    if text != _CUSTOM and int(found["classes"] or 1) != classes:
        raise ValueError("its objective and its trees have different numbers of classes")
    return found


def _categories_used(trees: list[TreeText], infos: tuple[str, ...], told: str) -> tuple[Any, Any]:
    """Which features are categories, and the highest code of each; both of shape (features,).

    `told` are the positions of the categorical features that the training was told: of one that was no use, because it
    had a single category, the file does not say so otherwise.
    """
    by_category, by_number = np.zeros((2, len(infos)), bool)
    highest = np.full(len(infos), -1, np.int64)
    positions = {int(word) for word in told.split(",") if re.fullmatch(r"[0-9]{1,6}", word)}
    for at, info in enumerate(infos):
        if _CODES.fullmatch(info):
            by_category[at], highest[at] = True, max(map(int, info.split(":")))
        elif info == "none":
            by_category[at] = at in positions
        elif not _RANGE.fullmatch(info):
            raise ValueError(f"feature_infos has {info[:40]!r}, which LightGBM does not write")
    for tree in trees:
        chosen = tree.by_category
        by_number[tree.features[~chosen]] = True
        by_category[tree.features[chosen]] = True
        for feature, threshold in zip(tree.features[chosen], tree.thresholds[chosen], strict=True):
            highest[feature] = max(highest[feature], tree.sets[int(threshold)].max(initial=-1))
    if (by_number & by_category).any():
        raise ValueError("a feature is split both by number and by category")
    return by_category, highest


def _tail(text: str) -> tuple[dict[str, str], list[Any]]:
    """The parameters of the training, and the categories of each column of a data frame that had some."""
    parameters, end, rest = text.partition(_END)
    rest = rest.strip("\n")
    if not end or (not rest.startswith(_PANDAS) and rest):
        raise ValueError("it is cut short: the end of its parameters, and what LightGBM writes after it, are not there")
    try:
        pandas = json.loads(rest[len(_PANDAS) :]) if rest else None
    except json.JSONDecodeError:
        raise ValueError("its pandas_categorical is not JSON") from None
    if pandas is not None and not (isinstance(pandas, list) and all(isinstance(one, list) for one in pandas)):
        raise ValueError("pandas_categorical is not a list of lists")
    return dict(re.findall(r"^\[([a-z_0-9]+): (.*)\]$", parameters, re.MULTILINE)), pandas or []


def _category_names(
    lists: list[tuple[str, ...]], infos: tuple[str, ...], by_category: Any, highest: Any
) -> tuple[tuple[str, ...] | None, ...]:
    """The categories of each feature as texts, where the file proves that they are its.

    The file lists those of each categorical column of the data frame, in the order of the columns and without saying
    which. Columns of ordered categories are among them, and are split by number; whole numbers that are split by
    category are not. So a list is a column's only where no other column could have it.
    """
    found: list[tuple[str, ...] | None] = [None] * len(infos)
    sizes, codes = [len(names) for names in lists], _highest_codes(infos, by_category, highest)
    first, last = _places(sizes, codes), _places(sizes[::-1], codes[::-1])[::-1]
    for place, mirrored, names in zip(first, last, lists, strict=True):
        if place == len(codes) - 1 - mirrored and by_category[place] and _is_list(names):
            found[place] = names
    return tuple(found)


def _highest_codes(infos: tuple[str, ...], by_category: Any, highest: Any) -> list[float]:
    """The highest code of each feature if it is a category, ordered or not; infinite where it cannot be one."""
    found = []
    for info, chosen, code in zip(infos, by_category.tolist(), highest.tolist(), strict=True):
        span = None if chosen else _RANGE.fullmatch(info)
        ends = (code, code) if span is None else (float(span[1]), float(span[2]))
        is_code = span is None or (ends[0] >= 0 and all(end.is_integer() for end in ends))
        found.append(ends[1] if is_code else math.inf)
    return found


def _places(sizes: list[int], codes: list[float]) -> list[int]:
    """The first feature that each list of categories can belong to, all in their order; beyond the last for none."""
    places, at = [], 0
    for size in sizes:
        while at < len(codes) and codes[at] >= size:
            at += 1
        places.append(at)
        at += 1
    return places


def _is_list(names: tuple[str, ...]) -> bool:
    """Whether a signature can have these names: 1 and "1" are one."""
    return len(set(names)) == len(names)


def _text(value: Any) -> str:
    """A category's name: a number's or a bool's is its text in JSON."""
    return value if isinstance(value, str) else json.dumps(value)
