"""One small model of every objective, booster and kind of training that the family answers for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost

ROWS = 1000
FEATURES = 6
CITIES = ("Oslo", "Lodz", "Sao Paulo", "Wien", "Riga")
_RANDOM = np.random.default_rng(20)


def _matrix() -> np.ndarray:
    matrix = _RANDOM.normal(size=(ROWS, FEATURES)).astype(np.float32)
    matrix[_RANDOM.random(matrix.shape) < 0.1] = np.nan
    return matrix


def _frame() -> pd.DataFrame:
    """A data frame with every type of feature that a model file can name, and missing values in each that can."""
    frame = pd.DataFrame(
        {
            "city": pd.Categorical(_RANDOM.choice(CITIES, ROWS), categories=CITIES),
            "distance": _RANDOM.gamma(2, 100, ROWS).astype(np.float32),
            "stops": _RANDOM.integers(0, 9, ROWS),
            "weekend": _RANDOM.random(ROWS) < 0.3,
            "gate": pd.Categorical(_RANDOM.choice([10, 20, 30], ROWS), categories=[30, 10, 20]),
        }
    )
    frame.loc[_RANDOM.random(ROWS) < 0.1, ["city", "distance"]] = None
    return frame


MATRIX = _matrix()
SUM = np.nan_to_num(MATRIX) @ np.arange(1, FEATURES + 1, dtype=np.float32) / 5
FRAME = _frame()
FRAME_SUM = (
    (FRAME.city.cat.codes % 2 + 3 * FRAME.city.isna())
    + (FRAME.distance.fillna(0) / 200 + FRAME.stops / 9)
    + (FRAME.weekend + FRAME.gate.cat.codes)
).to_numpy()

BINARY = (SUM > 0).astype(int)
THREE = np.digitize(SUM, [-1, 1])
POSITIVE = np.abs(SUM) + 0.1
TWO_TARGETS = np.c_[SUM, POSITIVE]


@dataclass(frozen=True)
class Recipe:
    """How one model is trained. `target` has a row for each of MATRIX, or of FRAME when `on_frame`."""

    target: np.ndarray
    params: dict[str, Any] = field(default_factory=dict)
    on_frame: bool = False
    early_stopping: bool = False
    rounds: int = 8
    suffix: str = ".ubj"
    prepare: Callable[[xgboost.DMatrix], None] | None = None


@dataclass(frozen=True)
class Animal:
    """A trained model in its file, and the data to ask it about."""

    path: Path
    on_frame: bool

    def reference(self) -> xgboost.Booster:
        """The library's own Python object, read from the same file."""
        return xgboost.Booster({"nthread": 1}, model_file=str(self.path))

    def expected(self, data: Any) -> np.ndarray:
        """The answers as contracts define them, (n, width): from a DMatrix, up to the best iteration."""
        booster = self.reference()
        best = booster.attr("best_iteration")
        span = (0, 0 if best is None else int(best) + 1)
        matrix = data if isinstance(data, xgboost.DMatrix) else to_dmatrix(data)
        return booster.predict(matrix, iteration_range=span, strict_shape=True)

    def rows(self) -> list[tuple[Any, ...]]:
        """The data as a caller's rows: names of categories, None where a value is missing."""
        frame = FRAME.astype(object) if self.on_frame else pd.DataFrame(MATRIX.astype(object))
        frame = frame.where(frame.notna(), None)
        if self.on_frame:
            frame["gate"] = [str(gate) for gate in frame["gate"]]
        return list(frame.itertuples(index=False, name=None))

    def data(self) -> Any:
        return FRAME if self.on_frame else MATRIX


def to_dmatrix(data: Any, target: np.ndarray | None = None) -> xgboost.DMatrix:
    return xgboost.DMatrix(data, target, enable_categorical=isinstance(data, pd.DataFrame), nthread=1)


def _ranked(matrix: xgboost.DMatrix) -> None:
    matrix.set_group([100] * (ROWS // 100))


def _censored(matrix: xgboost.DMatrix) -> None:
    matrix.set_float_info("label_lower_bound", POSITIVE)
    matrix.set_float_info("label_upper_bound", np.where(BINARY == 1, np.inf, POSITIVE).astype(np.float32))


def _objective(name: str, target: np.ndarray, **params: Any) -> Recipe:
    return Recipe(target, {"objective": name, **params})


RECIPES: dict[str, Recipe] = {
    "binary-logistic": _objective("binary:logistic", BINARY),
    "binary-logitraw": _objective("binary:logitraw", BINARY),
    "binary-hinge": _objective("binary:hinge", BINARY),
    "binary-two-targets": _objective("binary:logistic", np.c_[BINARY, 1 - BINARY]),
    "softprob-2": _objective("multi:softprob", BINARY, num_class=2),
    "softprob-3": _objective("multi:softprob", THREE, num_class=3),
    "softprob-3-vector-leaves": _objective("multi:softprob", THREE, num_class=3, multi_strategy="multi_output_tree"),
    "softmax": _objective("multi:softmax", THREE, num_class=3),
    "squarederror": _objective("reg:squarederror", SUM),
    "squaredlogerror": _objective("reg:squaredlogerror", POSITIVE),
    "reg-logistic": _objective("reg:logistic", BINARY),
    "pseudohuber": _objective("reg:pseudohubererror", SUM),
    "absoluteerror": _objective("reg:absoluteerror", SUM),
    "quantile-1": _objective("reg:quantileerror", SUM, quantile_alpha=0.3),
    "quantile-3": _objective("reg:quantileerror", SUM, quantile_alpha=[0.1, 0.5, 0.925]),
    "gamma": _objective("reg:gamma", POSITIVE),
    "tweedie": _objective("reg:tweedie", POSITIVE, tweedie_variance_power=1.2),
    "poisson": _objective("count:poisson", POSITIVE.round()),
    "ndcg": Recipe(BINARY, {"objective": "rank:ndcg"}, prepare=_ranked),
    "map": Recipe(BINARY, {"objective": "rank:map"}, prepare=_ranked),
    "pairwise": Recipe(BINARY, {"objective": "rank:pairwise"}, prepare=_ranked),
    "cox": _objective("survival:cox", np.where(BINARY == 1, POSITIVE, -POSITIVE)),
    "aft": Recipe(POSITIVE, {"objective": "survival:aft", "aft_loss_distribution": "logistic"}, prepare=_censored),
    "dart": _objective("binary:logistic", BINARY, booster="dart", rate_drop=0.5),
    "dart-softprob": _objective("multi:softprob", THREE, num_class=3, booster="dart", rate_drop=0.5),
    "dart-early": Recipe(
        BINARY, {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3}, early_stopping=True
    ),
    "linear": _objective("reg:squarederror", SUM, booster="gblinear"),
    "linear-softprob": _objective("multi:softprob", THREE, num_class=3, booster="gblinear"),
    "linear-early": Recipe(SUM, {"booster": "gblinear"}, early_stopping=True),
    "forest": _objective("binary:logistic", BINARY, num_parallel_tree=4, subsample=0.7),
    "two-targets": _objective("reg:squarederror", TWO_TARGETS),
    "two-targets-vector-leaves": _objective("reg:squarederror", TWO_TARGETS, multi_strategy="multi_output_tree"),
    "base-score": _objective("binary:logistic", BINARY, base_score=0.9),
    "early": Recipe(BINARY, {"objective": "binary:logistic", "eta": 0.9, "max_depth": 6}, early_stopping=True),
    "early-softprob": Recipe(
        THREE, {"objective": "multi:softprob", "num_class": 3, "eta": 0.9, "max_depth": 6}, early_stopping=True
    ),
    "pruned": _objective("reg:squarederror", SUM, tree_method="exact", gamma=20, max_depth=6),
    "deep": _objective("reg:squarederror", SUM, max_depth=0, grow_policy="lossguide", max_leaves=300),
    "json": Recipe(THREE, {"objective": "multi:softprob", "num_class": 3}, suffix=".json"),
    "frame-onehot": Recipe(FRAME_SUM, {"max_cat_to_onehot": 10}, on_frame=True),
    "frame-partition": Recipe(FRAME_SUM, {"max_cat_to_onehot": 1}, on_frame=True),
    "frame-dart": Recipe(FRAME_SUM, {"max_cat_to_onehot": 1, "booster": "dart", "rate_drop": 0.5}, on_frame=True),
    "frame-json": Recipe(FRAME_SUM, {"max_cat_to_onehot": 1}, on_frame=True, suffix=".json"),
}


def train(name: str, folder: Path) -> Animal:
    """Train a recipe and save it; early stopping watches other data, so that it stops long before the last round."""
    recipe = RECIPES[name]
    data = to_dmatrix(FRAME if recipe.on_frame else MATRIX, recipe.target)
    if recipe.prepare:
        recipe.prepare(data)
    depth = {} if recipe.params.get("booster") == "gblinear" else {"max_depth": 3}
    stopping: dict[str, Any] = {}
    if recipe.early_stopping:
        other = to_dmatrix(MATRIX, np.roll(recipe.target, 1))
        stopping = {"evals": [(other, "other")], "early_stopping_rounds": 3, "verbose_eval": False}
    params = {"nthread": 1, "seed": 7, **depth, **recipe.params}
    booster = xgboost.train(params, data, recipe.rounds, **stopping)
    path = folder / f"{name}{recipe.suffix}"
    booster.save_model(path)
    return Animal(path, recipe.on_frame)


def chained(document: dict[str, Any], levels: int) -> dict[str, Any]:
    """The model with a single tree of so many levels below its root, each of which has one leaf and one more split."""
    nodes = 2 * levels + 1
    left, right, parents = (np.full(nodes, -1) for _ in range(3))
    holders = np.r_[0, np.arange(1, nodes - 2, 2)]
    left[holders], right[holders] = np.arange(1, nodes, 2), np.arange(2, nodes, 2)
    parents[left[holders]] = parents[right[holders]] = holders
    model = document["learner"]["gradient_booster"]["model"]
    tree = model["trees"][0]
    tree |= {"left_children": left.tolist(), "right_children": right.tolist(), "parents": parents.tolist()}
    tree |= {key: [0.0] * nodes for key in ("base_weights", "loss_changes", "split_conditions")}
    tree |= {key: [0] * nodes for key in ("split_indices", "split_type", "default_left")}
    tree["sum_hessian"] = [float(cover) for cover in range(nodes, 0, -1)]
    tree["tree_param"]["num_nodes"] = str(nodes)
    model |= {"trees": [tree], "tree_info": [0], "iteration_indptr": [0, 1]}
    model["gbtree_model_param"]["num_trees"] = "1"
    return document
