"""Models of several families, generated rows for them, and what their libraries answer, for tests of equal answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlserve_linear.family import LinearFamily

from mlserve.inference import ModelFamily
from mlserve.registry.bringing import inspect
from mlserve.signature import Signature
from mlserve.testing import instances_of
from mlserve_sklearn.family import SklearnFamily
from mlserve_xgboost.family import XGBoostFamily
from tests.factories import linear_model
from tests.plugins.samples import SAMPLES, imported

ROWS = 1000
# Recipes of the plugins' zoos. Numbers are missing in all of xgboost's; its frames have categories and truth values.
ALWAYS = ("binary-logistic", "softprob-3", "frame-partition"), ("frame-hist",)
MORE = (
    ("softmax", "quantile-3", "dart", "linear-softprob", "early-softprob", "two-targets-vector-leaves", "frame-onehot"),
    ("flights-forest", "frame-ordinal", "hist-boosting"),
)
_METHODS = {"label": "predict", "probability": "predict_proba"}


@dataclass(frozen=True)
class Model:
    """`rows` are instances as the log keeps them, `answers` what the library says of them by output, (n, ...)."""

    artefact: Path
    signature: Signature
    rows: Sequence[Mapping[str, Any]]
    answers: Mapping[str, Any]
    bodies: dict[Any, tuple[bytes, Mapping[str, str]]] = field(default_factory=dict)  # as they were sent before


def make_models(folder: Path, recipes: tuple[Sequence[str], Sequence[str]]) -> dict[str, Model]:
    """By name, made in the folder: a linear one, and those of the recipes of xgboost and of scikit-learn."""
    boosters = {recipe: _booster(folder, recipe) for recipe in recipes[0]}
    estimators = {recipe: _estimator(folder, recipe) for recipe in recipes[1]}
    return {"line": _line(folder), **boosters, **estimators}


def _line(folder: Path) -> Model:
    """Sums of sixteenths, rounded as the family does; in eighths and halves they are exact."""
    x, y = np.random.default_rng(3).integers(-10_000, 10_000, (2, ROWS)) / 8
    file = linear_model(folder, "line", 1.0, x=2.0, y=-0.5)
    rows = [{"x": a, "y": b} for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return _model(LinearFamily(), file, rows, {"value": (1 + 2 * x - 0.5 * y).round(3)})


def _estimator(folder: Path, recipe: str) -> Model:
    imported(SAMPLES["sklearn"])
    import sklearn_zoo

    animal = sklearn_zoo.animal(recipe)
    file = animal.save(folder, recipe)
    signature = inspect(SklearnFamily(), file)
    rows = instances_of(signature, ROWS)
    for row in rows:
        # An empty cell of CSV is a missing value.
        row.update({name: "none" for name, value in row.items() if value == ""})
    asked = pd.DataFrame(rows) if isinstance(animal.rows, pd.DataFrame) else pd.DataFrame(rows).to_numpy(np.float64)
    answers = {output.name: getattr(animal.model, _METHODS[output.name])(asked) for output in signature.outputs}
    return _model(SklearnFamily(), file, rows, answers)


def _booster(folder: Path, recipe: str) -> Model:
    imported(SAMPLES["xgboost"])
    import xgboost_zoo

    animal = xgboost_zoo.train(recipe, folder)
    signature = inspect(XGBoostFamily(), animal.path)
    rows = [dict(zip(signature.names, row, strict=True)) for row in animal.rows()[:ROWS]]
    (output,) = signature.outputs
    answers = animal.expected(animal.data())[:ROWS]
    if output.type == "int32":  # A class: the library gives it as a float.
        answers = answers.astype(np.int32)
    return _model(XGBoostFamily(), animal.path, rows, {output.name: answers})


def _model(family: ModelFamily, file: Path, rows: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]) -> Model:
    signature = inspect(family, file)
    types = {field.name: field.type for field in signature.inputs}
    kept = [{name: _kept(value, types[name]) for name, value in row.items()} for row in rows]
    return Model(file, signature, kept, answers)


def _kept(value: Any, kind: str) -> Any:
    """A float32 is kept as the shortest text that names it."""
    return float(str(np.float32(value))) if kind == "float32" and value is not None else value
