"""Reads what an XGBoost model file (`.ubj` or `.json`) says about itself, without the library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlserve.trees import read_model
from mlserve_xgboost import ubjson
from mlserve_xgboost.structure import (
    check_trees,
    deeper_than,
    floats,
    integers,
    leaf_width,
    number,
    rounds,
    sequence,
    work_of_paths,
)

BOOSTERS: Final = ("gbtree", "dart", "gblinear")
EXPLAINED_DEPTH: Final = 256  # The time of TreeSHAP grows with the cube of a tree's depth: beyond, it is minutes.
MAX_WIDTH: Final = 100_000  # features, and values in one row's answer: a damaged number must not exhaust the memory
_CLASS_PARAMETERS: Final = "softmax_multiclass_param"


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What the file says. `raw` is what was checked, and therefore what the library must be given."""

    raw: bytes
    booster: str
    objective: str
    features: int
    names: tuple[str, ...] | None  # None: trained without feature names
    types: tuple[str, ...] | None  # XGBoost's own words: float, int, i, q, c
    categories: tuple[tuple[str, ...] | None, ...]  # by feature, in the order of their codes; None: names not known
    category_counts: tuple[int | None, ...]  # by feature; None: not in the file
    highest_codes: tuple[int, ...]  # by feature, the highest category code that a split names; -1: none
    classes: int  # of a `multi:` objective, else 0
    targets: int
    rounds: int
    best_iteration: int | None
    alphas: tuple[float, ...]  # of a quantile objective
    vector_leaves: bool  # multi_strategy = multi_output_tree
    deep: bool  # a tree has more than EXPLAINED_DEPTH levels
    explaining_work: int  # of one row: the squares of the lengths of all paths, see `work_of_paths`; of all rounds

    @property
    def used_rounds(self) -> int:
        """How many rounds answer: up to the best one where training stopped early, else all."""
        return self.rounds if self.best_iteration is None else self.best_iteration + 1


def read(path: Path) -> ModelFile:
    """Read and check a model file. Raises BundleError, whose sentence names the file, for anything else."""
    return read_model(path, parse, "XGBoost model in UBJSON or JSON")


def parse(raw: bytes) -> ModelFile:
    """Read and check a model. Raises ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError."""
    learner = document_of(raw)["learner"]
    shape = learner["learner_model_param"]
    features = _within(number(shape["num_feature"], "num_feature"), 1, "num_feature")
    classes = _within(number(shape.get("num_class", 0), "num_class"), 0, "num_class")
    targets = _within(number(shape.get("num_target", 1), "num_target"), 1, "num_target")
    if classes > 1 and targets > 1:
        raise ValueError("it has several classes and several targets at once")
    groups = max(classes, targets)
    _check_base_score(shape["base_score"], groups)
    booster, model, total, highest, vector_leaves = _booster(learner["gradient_booster"], features, groups)
    names = _texts(learner.get("feature_names", []), "feature_names", features)
    types = _texts(learner.get("feature_types", []), "feature_types", features)
    objective = learner["objective"]
    counts, categories = _categories(model.get("cats"), types, features)
    return ModelFile(
        raw=raw,
        booster=booster,
        objective=_text(objective["name"], "the objective's name"),
        features=features,
        names=names,
        types=types,
        categories=categories,
        category_counts=counts,
        highest_codes=highest,
        classes=_classes(objective, classes),
        targets=targets,
        rounds=total,
        best_iteration=_best_iteration(learner.get("attributes", {}), total, booster),
        alphas=_alphas(objective, targets),
        vector_leaves=vector_leaves,
        deep=any(_is_deep(tree) for tree in model.get("trees", ())),
        explaining_work=work_of_paths(model.get("trees", ()), features, EXPLAINED_DEPTH),
    )


def document_of(raw: bytes) -> Any:
    """What is in the file, whichever format it has. Raises ValueError, RecursionError."""
    if raw[:1] != b"{":
        raise ValueError("it does not begin with {, and XGBoost's older binary format is not supported")
    # This is how the library itself tells the two formats apart; the file's suffix does not count.
    if raw[1:2] == b'"' or raw[1:2].isspace():
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object)
    return ubjson.loads(raw)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python keeps the last of two equal keys and the library the first: neither would have been checked."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _booster(
    gradient: Mapping[str, Any], features: int, groups: int
) -> tuple[str, Mapping[str, Any], int, tuple[int, ...], bool]:
    """The booster's name, its model, its rounds, the highest category codes, and whether its leaves are vectors."""
    name = gradient["name"]
    if name not in BOOSTERS:
        raise ValueError(f"its booster {name!r} is not one of {', '.join(BOOSTERS)}")
    if name == "gblinear":
        model = gradient["model"]
        floats(model["weights"], "weights", (features + 1) * groups)
        return name, model, number(model.get("boosted_rounds", 0), "boosted_rounds"), (-1,) * features, False
    model = gradient["gbtree"]["model"] if name == "dart" else gradient["model"]
    highest = check_trees(model, features, groups)
    if name == "dart":
        floats(gradient["weight_drop"], "weight_drop", len(model["trees"]))
    vector_leaves = any(leaf_width(tree) > 1 for tree in model["trees"][:1])
    return name, model, rounds(model, 1 if vector_leaves else groups), tuple(highest.tolist()), vector_leaves


def _is_deep(tree: Mapping[str, Any]) -> bool:
    left, right = (np.asarray(tree[key], np.int64) for key in ("left_children", "right_children"))
    return deeper_than(left, right, EXPLAINED_DEPTH)


def _categories(
    cats: Mapping[str, Any] | None, types: tuple[str, ...] | None, features: int
) -> tuple[tuple[int | None, ...], tuple[tuple[str, ...] | None, ...]]:
    """How many categories each feature has, and their names (since XGBoost 3.1, for a model of a data frame)."""
    encodings = sequence(cats["enc"], "the categories") if cats else []
    if not encodings:
        return (None,) * features, (None,) * features
    assert cats is not None
    if len(encodings) != features:
        raise ValueError("its categories are not those of its features")
    found = [_category_names(encoding) for encoding in encodings]
    ends = np.cumsum([count for count, _ in found])
    segments = integers(cats["feature_segments"], "feature_segments", features + 1)
    order = integers(cats["sorted_idx"], "sorted_idx", int(ends[-1]))
    out_of_order = order.size and not 0 <= order.min() <= order.max() < ends[-1]
    if segments[0] != 0 or (segments[1:] != ends).any() or out_of_order:
        raise ValueError("its categories do not add up")
    kinds = types or ("c",) * features
    known = [pair if pair[0] and kind == "c" else (None, None) for pair, kind in zip(found, kinds, strict=True)]
    return tuple(count for count, _ in known), tuple(names for _, names in known)


def _category_names(encoding: Mapping[str, Any]) -> tuple[int, tuple[str, ...] | None]:
    """One feature's categories: numbers are named by their text; strings lie end to end, as signed bytes with offsets.

    XGBoost 3.2 counts its offsets in characters and cuts the bytes off at as many (dmlc/xgboost#12371), so that names
    beyond ASCII cannot be trusted, however well they read: only their number is known.
    """
    if "offsets" not in encoding:
        names = tuple(str(value) for value in floats(encoding["values"], "the categories").tolist())
        return len(names), names
    offsets = integers(encoding["offsets"], "offsets")
    values = integers(encoding["values"], "the categories")
    if not offsets.size:
        return 0, ()
    if offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] > values.size:
        raise ValueError("a category's name is not in the file")
    if values.size and not 0 <= values.min() <= values.max() < 128:
        return offsets.size - 1, None
    text = values.astype(np.uint8).tobytes().decode("ascii")
    return offsets.size - 1, tuple(text[start:end] for start, end in pairwise(offsets.tolist()))


def _check_base_score(value: Any, groups: int) -> None:
    """One number, or since XGBoost 3.1 a list of them written as text."""
    found = json.loads(_text(value, "base_score"))
    scores = found if isinstance(found, list) else [found]
    floats(scores, "base_score")
    if len(scores) not in (1, groups):
        raise ValueError(f"base_score has {len(scores)} values and needs {groups}")


def _classes(objective: Mapping[str, Any], classes: int) -> int:
    if _CLASS_PARAMETERS not in objective:
        return 0
    if number(objective[_CLASS_PARAMETERS]["num_class"], "num_class") != classes:
        raise ValueError("its objective and its trees have different numbers of classes")
    return classes


def _best_iteration(attributes: Mapping[str, Any], total: int, booster: str) -> int | None:
    if "best_iteration" not in attributes or booster == "gblinear":  # A linear model has no rounds to choose from.
        return None
    best = number(attributes["best_iteration"], "best_iteration")
    if not 0 <= best < total:
        raise ValueError(f"its best iteration is {best}, and it has {total} boosting rounds")
    return best


def _alphas(objective: Mapping[str, Any], targets: int) -> tuple[float, ...]:
    if "quantile_loss_param" not in objective:
        return ()
    found = json.loads(_text(objective["quantile_loss_param"]["quantile_alpha"], "quantile_alpha"))
    alphas = floats(found if isinstance(found, list) else [found], "quantile_alpha", targets)
    return tuple(float(str(np.float32(alpha))) for alpha in alphas)


def _texts(value: Any, what: str, size: int) -> tuple[str, ...] | None:
    items = sequence(value, what)
    if not items:
        return None
    if len(items) != size or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{what} does not hold {size} texts")
    return tuple(items)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is not a text")
    return value


def _within(value: int, least: int, what: str) -> int:
    if not least <= value <= MAX_WIDTH:
        raise ValueError(f"{what} is {value}, which is not between {least} and {MAX_WIDTH}")
    return value
