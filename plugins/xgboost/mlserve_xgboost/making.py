"""The Python package of XGBoost, which makes models: to save a live one, and to ask for its own answers.

It is imported here and when it is asked for only: a server answers without it.
"""

import sys
from pathlib import Path

import numpy as np

from mlserve.signature import Batch, Signature
from mlserve.trees import Outputs
from mlserve_xgboost.model_file import read
from mlserve_xgboost.outputs import answer_of


def save(model: object, folder: Path) -> Path | None:
    """Save a Booster, or a model of XGBoost's scikit-learn interface; None for anything else."""
    library = sys.modules.get("xgboost")
    if library is None:  # Nobody has one of its models without it.
        return None
    if isinstance(model, library.XGBModel):
        model = model.get_booster()
    if not isinstance(model, library.Booster):
        return None
    path = folder / "model.ubj"
    model.save_model(path)
    return path


def reference(path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
    """`Booster.predict` of a DMatrix, up to the best iteration where the file has one."""
    import xgboost

    booster = xgboost.Booster({"nthread": 1}, model_file=str(path))
    best = booster.attr("best_iteration")
    data = xgboost.DMatrix(
        batch.matrix(),
        feature_names=booster.feature_names,
        feature_types=booster.feature_types,
        enable_categorical=True,
        nthread=1,
    )
    span = (0, 0 if best is None else int(best) + 1)
    values = np.asarray(booster.predict(data, iteration_range=span, strict_shape=True), np.float32)
    return Outputs(answer_of(read(path)), signature)(values.reshape(batch.n, -1))
