"""One small model of every objective, kind of boosting and kind of training that the family answers for."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from mlserve.signature import Signature, complete
from mlserve_lightgbm.family import LightGBMFamily

ROWS = 1000
FEATURES = 6
CITIES = ("Oslo", "Lodz", "São Paulo", "Wien", "Riga")
_RANDOM = np.random.default_rng(20)


def _matrix() -> np.ndarray:
    matrix = _RANDOM.normal(size=(ROWS, FEATURES))
    matrix[_RANDOM.random(matrix.shape) < 0.1] = np.nan
    matrix[_RANDOM.random(matrix.shape) < 0.1] = 0.0
    return matrix


def _frame() -> pd.DataFrame:
    """A data frame with every type of column that LightGBM takes, and missing values in each that can."""
    frame = pd.DataFrame(
        {
            "city": pd.Categorical(_RANDOM.choice(CITIES, ROWS), categories=CITIES),
            "distance": _RANDOM.gamma(2, 100, ROWS),
            "stops": _RANDOM.integers(0, 9, ROWS),
            "weekend": _RANDOM.random(ROWS) < 0.3,
            "gate": pd.Categorical(_RANDOM.choice([10, 20, 30], ROWS), categories=[30, 10, 20]),
        }
    )
    frame.loc[_RANDOM.random(ROWS) < 0.1, ["city", "distance"]] = None
    return frame


MATRIX = _matrix()
SUM = np.nan_to_num(MATRIX) @ np.arange(1, FEATURES + 1) / 5
CODES = np.c_[_RANDOM.integers(0, 40, ROWS), MATRIX[:, :2]]  # The first column is a category by its whole numbers.
FRAME = _frame()
# The names are in the file, but `weekend` might be an ordered category, and one of the lists its own.
SIDECAR = {
    "inputs": [
        {"name": "city", "type": "category", "categories": list(CITIES)},
        {"name": "gate", "type": "category", "categories": ["30", "10", "20"]},
    ]
}
FRAME_SUM = (
    (FRAME.city.cat.codes % 2 + 3 * FRAME.city.isna())
    + (FRAME.distance.fillna(0) / 200 + FRAME.stops / 9)
    + (FRAME.weekend + FRAME.gate.cat.codes)
).to_numpy()

BINARY = (SUM > 0).astype(int)
THREE = np.digitize(SUM, [-1, 1])
POSITIVE = np.abs(SUM) + 0.1


def _own_objective(scores: np.ndarray, data: lightgbm.Dataset) -> tuple[np.ndarray, np.ndarray]:
    return scores - data.get_label(), np.ones_like(scores)


@dataclass(frozen=True)
class Recipe:
    """How one model is trained; `data` has a row for each of `target`."""

    target: np.ndarray
    params: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    rounds: int = 8
    early_stopping: bool = False
    categorical: Any = "auto"
    ranked: bool = False


@dataclass(frozen=True)
class Animal:
    """A trained model in its file, and the data to ask it about."""

    path: Path
    data: Any

    def reference(self) -> lightgbm.Booster:
        """The library's own Python object, read from the same file."""
        return lightgbm.Booster(model_file=self.path)

    def signature(self) -> Signature:
        """What the file tells of, completed by the sidecar where it has one."""
        told, sidecar = LightGBMFamily().inspect(self.path), _sidecar_of(self.path)
        return complete(told, json.loads(sidecar.read_text())) if sidecar.exists() else told

    def expected(self, data: Any, **how: Any) -> np.ndarray:
        """The library's answers (n, width)."""
        answers = np.asarray(self.reference().predict(data, num_threads=1, **how), np.float64)
        return answers.reshape(len(data), -1)

    def rows(self) -> list[tuple[Any, ...]]:
        """The data as a caller's rows: names of categories, None where a value is missing."""
        frame = pd.DataFrame(self.data).astype(object)
        frame = frame.where(frame.notna(), None)
        if "gate" in frame:
            frame["gate"] = [str(gate) for gate in frame["gate"]]
        if self.data is CODES:
            frame[0] = [int(code) for code in frame[0]]
        return list(frame.itertuples(index=False, name=None))


def _objective(name: Any, target: np.ndarray, **params: Any) -> Recipe:
    return Recipe(target, {"objective": name, **params})


_SPLITS = {"min_data_per_group": 5, "cat_smooth": 1, "cat_l2": 1}

RECIPES: dict[str, Recipe] = {
    "regression": _objective("regression", SUM),
    "regression-sqrt": _objective("regression", SUM, reg_sqrt=True),
    "l1": _objective("regression_l1", SUM),
    "huber": _objective("huber", SUM),
    "fair": _objective("fair", SUM),
    "poisson": _objective("poisson", POSITIVE.round()),
    "quantile": _objective("quantile", SUM, alpha=0.3),
    "mape": _objective("mape", POSITIVE),
    "gamma": _objective("gamma", POSITIVE),
    "tweedie": _objective("tweedie", POSITIVE, tweedie_variance_power=1.2),
    "binary": _objective("binary", BINARY),
    "binary-sigmoid": _objective("binary", BINARY, sigmoid=2.5, is_unbalance=True),
    "multiclass": _objective("multiclass", THREE, num_class=3),
    "multiclass-2": _objective("multiclass", BINARY, num_class=2),
    "multiclassova": _objective("multiclassova", THREE, num_class=3),
    "cross-entropy": _objective("cross_entropy", BINARY),
    "cross-entropy-lambda": _objective("cross_entropy_lambda", BINARY),
    "lambdarank": Recipe(BINARY, {"objective": "lambdarank"}, ranked=True),
    "xendcg": Recipe(BINARY, {"objective": "rank_xendcg"}, ranked=True),
    "custom": _objective(_own_objective, SUM),
    "dart": _objective("binary", BINARY, boosting="dart", drop_rate=0.5),
    "dart-multiclass": _objective("multiclass", THREE, num_class=3, boosting="dart", drop_rate=0.5),
    "rf": _objective("binary", BINARY, boosting="rf", bagging_fraction=0.5, bagging_freq=1),
    "rf-regression": _objective("regression", SUM, boosting="rf", bagging_fraction=0.5, bagging_freq=1),
    "goss": _objective("regression", SUM, data_sample_strategy="goss"),
    "linear": _objective("regression", SUM, linear_tree=True),
    "linear-binary": _objective("binary", BINARY, linear_tree=True),
    "zero-as-missing": _objective("regression", SUM, zero_as_missing=True),
    "no-missing": _objective("regression", SUM, use_missing=False),
    "monotone": _objective("regression", SUM, monotone_constraints=[1, 0, 0, 0, 0, -1]),
    "constant": Recipe(np.full(ROWS, 3.0), {"objective": "regression"}),
    "early": Recipe(BINARY, {"objective": "binary", "learning_rate": 0.9}, early_stopping=True, rounds=30),
    "deep": _objective("regression", SUM, num_leaves=300, min_data_in_leaf=1),
    "codes": Recipe(CODES[:, 0] % 3 + CODES[:, 1], {"objective": "regression", **_SPLITS}, CODES, categorical=[0]),
    "frame": Recipe(FRAME_SUM, {"objective": "regression", "max_cat_to_onehot": 1, **_SPLITS}, FRAME),
    "frame-onehot": Recipe(FRAME_SUM, {"objective": "regression", "max_cat_to_onehot": 10, **_SPLITS}, FRAME),
    "frame-binary": Recipe(FRAME_SUM > 3, {"objective": "binary", "max_cat_to_onehot": 1, **_SPLITS}, FRAME),
    "frame-zero": Recipe(FRAME_SUM, {"objective": "regression", "zero_as_missing": True, **_SPLITS}, FRAME),
}


def train(name: str, folder: Path) -> Animal:
    """Train a recipe and save it; early stopping watches other data, so that it stops long before the last round."""
    recipe = RECIPES[name]
    data = MATRIX if recipe.data is None else recipe.data
    group = [100] * (ROWS // 100) if recipe.ranked else None
    dataset = lightgbm.Dataset(data, recipe.target, group=group, categorical_feature=recipe.categorical)
    stopping: dict[str, Any] = {}
    if recipe.early_stopping:
        other = lightgbm.Dataset(MATRIX, np.roll(recipe.target, 1), reference=dataset)
        stopping = {"valid_sets": [other], "callbacks": [lightgbm.early_stopping(3, verbose=False)]}
    settings = {"num_threads": 1, "seed": 7, "verbosity": -1, "num_leaves": 8, "deterministic": True}
    booster = lightgbm.train({**settings, **recipe.params}, dataset, recipe.rounds, **stopping)
    path = folder / f"{name}.lgb"
    booster.save_model(path)
    if data is FRAME:
        _sidecar_of(path).write_text(json.dumps(SIDECAR))
    return Animal(path, data)


def _sidecar_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.signature.json")


Trainer = Callable[[str], Animal]
