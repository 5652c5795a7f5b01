"""Two small models of CatBoost, on numbers and texts, trained in an instant.

`python sizes.py FOLDER` writes the classifier there.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor

TEXTS = ["colour", "size"]
SMALL = {"iterations": 30, "depth": 4, "verbose": 0, "thread_count": 1, "allow_writing_files": False, "random_seed": 1}


def rows() -> tuple[pd.DataFrame, pd.Series]:
    chance = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "x": chance.normal(size=400).astype(np.float32),
            "y": (chance.normal(size=400) * 10).astype(np.float32),
            "colour": chance.choice(["red", "green", "blue"], 400),
            "size": chance.choice(["small", "large"], 400),
        }
    )
    frame.loc[::7, "y"] = np.nan
    return frame, frame["x"] * 2 + frame["colour"].map({"red": 1, "green": 2, "blue": 3}) + (frame["size"] == "large")


def regressor(folder: Path) -> Path:
    return saved(CatBoostRegressor(cat_features=TEXTS, **SMALL).fit(*rows()), folder)


def classifier(folder: Path) -> Path:
    frame, value = rows()
    label = np.select([value > 3, value > 1], ["big", "middle"], "little")
    return saved(CatBoostClassifier(cat_features=TEXTS, **SMALL).fit(frame, label), folder)


def saved(model: CatBoost, folder: Path) -> Path:
    path = folder / "model.cbm"
    model.save_model(str(path))
    return path


if __name__ == "__main__":
    classifier(Path(sys.argv[1]))
