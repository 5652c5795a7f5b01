"""A small real model for the tests that all bundled plugins share, and LightGBM's own answers to it."""

from pathlib import Path
from typing import Any

import lightgbm
import lightgbm_zoo
import numpy as np
import pandas as pd


def contract_artefact(folder: Path) -> Path:
    """A model of a data frame with categories, numbers and missing values."""
    return lightgbm_zoo.train("frame", folder).path


def library_answers(path: Path, instances: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """`Booster.predict` of the instances as a data frame."""
    frame = pd.DataFrame(instances).reindex(columns=list(lightgbm_zoo.FRAME))
    frame["city"] = pd.Categorical(frame["city"], categories=lightgbm_zoo.CITIES)
    frame["gate"] = pd.Categorical(frame["gate"].astype(float), categories=[30, 10, 20])
    for name in ("distance", "stops", "weekend"):
        frame[name] = frame[name].astype(float)
    return {"value": lightgbm.Booster(model_file=path).predict(frame, num_threads=1)}
