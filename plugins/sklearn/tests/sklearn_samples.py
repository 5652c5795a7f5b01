"""A small real model with everything that a pipeline has, and the library's own answers to it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn_zoo
import skops.io

from mlserve_sklearn.trusted import ALLOWED


def contract_artefact(folder: Path) -> Path:
    """A forest behind an imputer, encoders, a scaler and a vectorizer of texts, as a .skops file with its sidecar."""
    return sklearn_zoo.animal("flights-forest").save(folder)


def library_answers(path: Path, instances: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """`predict` and `predict_proba` of the model in the file, asked with a data frame of the instances."""
    model = skops.io.load(path, trusted=sorted(ALLOWED))
    rows = pd.DataFrame(instances)
    return {"label": model.predict(rows), "probability": model.predict_proba(rows)}
