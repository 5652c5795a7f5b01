"""The Python package of LightGBM, which makes models: to save a live one, and to ask for its own answers.

It is imported here and when it is asked for only: a server answers without it.
"""

import sys
from pathlib import Path

import numpy as np

from mlserve.signature import Batch, Signature
from mlserve.trees import Outputs
from mlserve_lightgbm.matrix import Matrix
from mlserve_lightgbm.model_file import read
from mlserve_lightgbm.outputs import answer_of


def save(model: object, folder: Path) -> Path | None:
    """Save a Booster, or a model of LightGBM's scikit-learn interface, up to its best round; None for anything else."""
    library = sys.modules.get("lightgbm")
    if library is None:  # Nobody has one of its models without it.
        return None
    if isinstance(model, library.LGBMModel):
        model = model.booster_
    if not isinstance(model, library.Booster):
        return None
    path = folder / "model.lgb"
    model.save_model(path)
    return path


def reference(path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
    """`Booster.predict` of a float64 matrix."""
    import lightgbm

    booster = lightgbm.Booster(model_file=path)
    values = np.asarray(booster.predict(Matrix(signature)(batch), num_threads=1), np.float64)
    return Outputs(answer_of(read(path)), signature)(values.reshape(batch.n, -1))
