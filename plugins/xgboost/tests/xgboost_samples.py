"""A small real model for the tests that all bundled plugins share, and XGBoost's own answers to it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
import xgboost_zoo


def contract_artefact(folder: Path) -> Path:
    """A model of a data frame with categories, numbers and missing values."""
    return xgboost_zoo.train("frame-partition", folder).path


def library_answers(path: Path, instances: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """`Booster.predict` of the instances as a data frame."""
    frame = pd.DataFrame(instances).reindex(columns=list(xgboost_zoo.FRAME))
    frame["city"] = pd.Categorical(frame["city"], categories=xgboost_zoo.CITIES)
    frame["gate"] = pd.Categorical(frame["gate"].astype(float), categories=[30, 10, 20])
    frame["distance"] = frame["distance"].astype(np.float32)
    frame["stops"] = frame["stops"].astype("Int64")
    frame["weekend"] = frame["weekend"].astype("boolean")
    booster = xgboost.Booster({"nthread": 1}, model_file=str(path))
    matrix = xgboost.DMatrix(frame, enable_categorical=True, nthread=1)
    return {"value": np.asarray(booster.predict(matrix), np.float32)}
