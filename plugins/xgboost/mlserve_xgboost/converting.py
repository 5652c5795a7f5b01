"""Converts an XGBoost model for ONNX Runtime, in a process of its own: `python -m` this module, ARTEFACT, TARGET."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlserve.signature import Field, Signature
from mlserve_onnx.converted import ConvertedEngine, Refused, convert, load
from mlserve_onnx.ensemble import AMONG, BELOW, Ensemble, TreeArrays, constant
from mlserve_onnx.parity import Ask, Probe
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.forest import Forest, Tree
from mlserve_xgboost.library import version
from mlserve_xgboost.model_file import ModelFile, document_of, parse
from mlserve_xgboost.outputs import outputs_of, width_of


def _as_it_is(score: np.float32) -> np.float32:
    return score


def _log_odds(share: np.float32) -> np.float32:
    one = np.float32(1)
    return np.float32(-np.log(one / share - one))


# What becomes of the sum of the leaves, by objective, and what the base score is on the scale of that sum; an
# objective that is not here is not converted.
_LINKS: Final[dict[str, tuple[str, Callable[[np.float32], np.float32]]]] = {
    **dict.fromkeys(
        ("reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror"), ("identity", _as_it_is)
    ),
    **dict.fromkeys(("reg:absoluteerror", "reg:quantileerror"), ("identity", _as_it_is)),
    **dict.fromkeys(("rank:ndcg", "rank:map", "rank:pairwise"), ("identity", _as_it_is)),
    **dict.fromkeys(("reg:gamma", "reg:tweedie", "count:poisson", "survival:cox", "survival:aft"), ("exp", np.log)),
    **dict.fromkeys(("binary:logistic", "reg:logistic"), ("sigmoid", _log_odds)),
    "binary:logitraw": ("identity", _as_it_is),
    "binary:hinge": ("above", _as_it_is),
    "multi:softprob": ("softmax", _as_it_is),
    "multi:softmax": ("label", _as_it_is),
}


def refusal(file: ModelFile) -> str | None:
    """Why a model is not converted, whatever the gate would say; None where it may be."""
    if file.booster != "gbtree":
        return f"Models of the booster {file.booster} are not converted."
    if file.vector_leaves:
        return "Trees with vector leaves (multi_output_tree) are not converted."
    if file.objective not in _LINKS:
        return f"Models of the objective {file.objective} are not converted."
    return None


def engine_of(path: Path, file: ModelFile, engines: Path | None) -> tuple[ConvertedEngine | None, str | None]:
    """The converted model, or None and the reason; `engines` is the folder in which it is kept."""
    own = {"xgboost": version()}
    return load(path, file.raw, refusal(file), converter=__name__, engines=engines, libraries=own)


def ensemble_of(file: ModelFile) -> Ensemble:
    """The trees as arrays, in the order in which the library adds them up, the base score first."""
    link, scaled = _LINKS[file.objective]
    groups = max(file.classes, file.targets)
    found = json.loads(document_of(file.raw)["learner"]["learner_model_param"]["base_score"])
    scores = found if isinstance(found, list) else [found]
    scores = scores * groups if len(scores) == 1 else scores
    bases = [constant(target, scaled(np.float32(score))) for target, score in enumerate(scores)]
    trees = [_arrays(tree) for tree in _trees(file)]
    return Ensemble(file.features, groups, np.float32, [*bases, *trees], link)


def probe_of(file: ModelFile) -> Probe:
    """What the trees ask, for the gate."""
    features, thresholds = [], []
    for tree in _trees(file):
        asked = np.flatnonzero((tree.left != -1) & ~_by_category(tree))
        features.append(tree.features[asked])
        thresholds.append(tree.values[asked])
    known = [max(code, (count or 0) - 1) for code, count in zip(file.highest_codes, file.category_counts, strict=True)]
    return Probe(_joined(features, np.int64), _joined(thresholds, np.float32), np.array(known))


def proof_of(path: Path) -> tuple[Ensemble, Probe, Ask]:
    """What the gate compares. Raises Refused."""
    file = parse(path.read_bytes())
    if reason := refusal(file):
        raise Refused(reason)
    return ensemble_of(file), probe_of(file), Engine(file, width_of(file), 1).predict


def _trees(file: ModelFile) -> list[Tree]:
    """Those that answer; their words need a signature, and any with so many fields does."""
    inputs = tuple(Field(f"f{position}", "float32") for position in range(file.features))
    return [tree for tree in Forest(file.raw, file, Signature(inputs, outputs_of(file))).trees if tree.used]


def _by_category(tree: Tree) -> Any:
    found = np.zeros(tree.left.size, np.bool_)
    found[list(tree.categories)] = True
    return found


def _arrays(tree: Tree) -> TreeArrays:
    """The nodes that the root leads to, inner ones and leaves numbered apart."""
    reached = np.concatenate(list(tree.levels()))
    inner, leaves = reached[tree.left[reached] != -1], reached[tree.left[reached] == -1]
    numbers = np.zeros(tree.left.size, np.int64)
    numbers[inner], numbers[leaves] = np.arange(inner.size), ~np.arange(leaves.size)
    left, right = numbers[tree.left[inner]], numbers[tree.right[inner]]
    chosen = _by_category(tree)[inner]
    # The library sends to the right what is among the categories, and to the left what is below the threshold.
    return TreeArrays(
        target=tree.block or 0,
        features=tree.features[inner],
        modes=np.where(chosen, AMONG, BELOW),
        splits=np.where(chosen, np.float32(0), tree.values[inner]),
        yes=np.where(chosen, right, left),
        no=np.where(chosen, left, right),
        missing_yes=tree.default_left[inner] != chosen,
        weights=tree.values[leaves],
        sets=[tree.categories[node] for node in inner[chosen].tolist()],
    )


def _joined(parts: list[Any], dtype: Any) -> Any:
    return np.concatenate([np.zeros(0, dtype), *parts])


if __name__ == "__main__":
    sys.exit(convert(Path(sys.argv[1]), Path(sys.argv[2]), lambda: proof_of(Path(sys.argv[1]))))
