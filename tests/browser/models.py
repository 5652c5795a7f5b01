"""Model files for the pages: one like the demo, and two whose every text tries to break out of where it stands."""

import json
from pathlib import Path

import numpy as np

from tests.factories import linear_model

CARRIERS = ("AA", "B6", "DL", "UA")
ATTACKS = (
    "<script>window.attacked = 1</script>",
    '"><img src=x onerror="window.attacked = 1">',
    "'; window.attacked = 1; //",
    "javascript:window.attacked=1",
    "{{ 7 * 7 }}",
    "</textarea></option></select><svg onload=window.attacked=1>",
    "$(touch attacked) `touch attacked` \\",
)


def delay_model(folder: Path) -> Path:
    """A binary XGBoost model with every kind of control: categories, one of them open, numbers, a truth value."""
    import pandas as pd
    import xgboost

    chance = np.random.default_rng(11)
    rows = 400
    frame = pd.DataFrame(
        {
            "carrier": pd.Categorical(chance.choice(CARRIERS, rows), categories=CARRIERS),
            "dest": pd.Categorical(chance.choice(["ATL", "BOS", "ORD"], rows), categories=["ATL", "BOS", "ORD"]),
            "hour": chance.integers(0, 24, rows),
            "holiday": chance.random(rows) < 0.2,
            "temp": chance.normal(60, 15, rows).astype("float32"),
        }
    )
    late = (frame.hour > 16) ^ (frame.carrier == "DL")
    data = xgboost.DMatrix(frame, late.astype(int), enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, data, 5)
    booster.save_model(path := folder / "delay.ubj")
    inputs = [
        {"name": "carrier", "nullable": False, "description": "Two-letter code of the airline", "example": "DL"},
        {"name": "dest", "unknown": "native", "nullable": False, "description": "Airport of arrival"},
        {"name": "hour", "type": "int32", "nullable": False, "minimum": 0, "maximum": 23, "example": 18},
        {"name": "holiday", "type": "bool", "nullable": False},
        {"name": "temp", "minimum": -80, "maximum": 140, "required": False, "unit": "°F", "example": 66.5},
    ]
    label = {"name": "label", "type": "category", "categories": ["on_time", "late"], "threshold": 0.4}
    _beside(path, {"inputs": inputs, "outputs": [{"name": "probability"}, label]})
    return path


def hostile_model(folder: Path) -> Path:
    """An XGBoost model of hostile categories, labels, units and descriptions; XGBoost itself refuses such names."""
    import pandas as pd
    import xgboost

    chance = np.random.default_rng(12)
    frame = pd.DataFrame(
        {
            "attack": pd.Categorical(chance.choice(ATTACKS, 200), categories=ATTACKS),
            "size": chance.normal(size=200),
        }
    )
    data = xgboost.DMatrix(frame, (frame["size"] > 0).astype(int), enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 2)
    booster.save_model(path := folder / "hostile.ubj")
    texts = {"description": " ".join(ATTACKS), "unit": ATTACKS[0]}
    inputs = [{"name": "attack", **texts}, {"name": "size", **texts}]
    label = {"name": "label", "type": "category", "categories": list(ATTACKS[:2]), "threshold": 0.5, **texts}
    _beside(path, {"inputs": inputs, "outputs": [{"name": "probability", **texts}, label]})
    return path


def hostile_names(folder: Path) -> Path:
    """A model of the test family whose fields have hostile names."""
    return linear_model(folder, "names", **dict.fromkeys(ATTACKS, 1.0))


def _beside(path: Path, signature: object) -> None:
    path.with_name(path.name + ".signature.json").write_text(json.dumps(signature))
