"""The models of the soak, two versions of each, and what the libraries themselves answer to every row of the pool."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from mlserve_linear.family import LinearFamily

from mlserve.bundles import BundleStore, archive
from mlserve.inference import ModelFamily
from mlserve.registry.bringing import pack_artefact
from mlserve_xgboost.family import XGBoostFamily
from tests.factories import linear_model

POOL = 1200
CARRIERS = ("AA", "DL", "UA", "WN", "B6")
PLACES = tuple(f"P{number:02}" for number in range(40))


@dataclass(frozen=True)
class Versions:
    """`first` is the model file that the INI names, `second` the bundle that is deployed beside it.

    `rows` are the instances that clients ask; `answers[n - 1][i]` is what version n says of `rows[i]`.
    """

    first: Path
    second: Path
    rows: list[dict[str, Any]]
    answers: list[list[dict[str, Any]]]


def make_models(folder: Path) -> dict[str, Versions]:
    """By name, in the folder, with `pool.json` for the clients."""
    made = {"line": _lines(folder), "flights": _flights(folder)}
    pool = {name: {"rows": one.rows, "answers": one.answers} for name, one in made.items()}
    (folder / "pool.json").write_text(json.dumps(pool))
    return made


def _lines(folder: Path) -> Versions:
    """Sums of eighths, which are exact."""
    chance = np.random.default_rng(1)
    x, y = chance.integers(-80, 80, (2, POOL)) / 8
    weights = [(1.0, 2.0, -1.0), (-4.0, 0.5, 3.0)]
    files = [
        linear_model(folder, f"line-{number}", intercept, x=a, y=b)
        for number, (intercept, a, b) in enumerate(weights, 1)
    ]
    rows = [{"x": a, "y": b} for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    answers = [[{"value": value} for value in (c + a * x + b * y).round(3).tolist()] for c, a, b in weights]
    return Versions(files[0], _bundle(folder, LinearFamily(), files[1]), rows, answers)


def _flights(folder: Path) -> Versions:
    """Boosters as those of the demo: categories, numbers, and values that are missing."""
    chance = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "carrier": pd.Categorical(chance.choice(CARRIERS, POOL), categories=CARRIERS),
            "dest": pd.Categorical(chance.choice(PLACES, POOL), categories=PLACES),
            **{f"hour{number}": chance.integers(0, 24, POOL) for number in range(3)},
            **{f"gauge{number}": chance.normal(0, 30, POOL).astype(np.float32) for number in range(9)},
        }
    )
    for name in ("dest", "gauge0", "gauge5"):
        frame.loc[chance.random(POOL) < 0.1, name] = None
    data = xgboost.DMatrix(frame, enable_categorical=True, nthread=1)
    score = frame.gauge1 - frame.gauge2 + 9 * frame.carrier.cat.codes + frame.dest.cat.codes
    files, answers = [], []
    for number, trees in ((1, 80), (2, 100)):
        late = (score + chance.normal(0, 40, POOL) > 30).to_numpy()
        data.set_label(late)
        booster = xgboost.train(
            {"objective": "binary:logistic", "max_depth": 6, "nthread": 1, "seed": number}, data, trees
        )
        booster.save_model(file := folder / f"flights-{number}.ubj")
        files.append(file)
        answers.append([{"probability": float(str(value))} for value in booster.predict(data)])
    return Versions(files[0], _bundle(folder, XGBoostFamily(), files[1]), _instances(frame), answers)


def _instances(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON has them: float32 as the shortest text that names it."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {name: float(str(np.float32(value))) if isinstance(value, float) else value for name, value in row.items()}
        for row in plain.to_dict("records")
    ]


def _bundle(folder: Path, family: ModelFamily, file: Path) -> Path:
    store = BundleStore(folder / "packed")
    path = file.with_suffix(archive.SUFFIX)
    archive.write(store.open(pack_artefact(family, file, store).digest), path)
    return path
