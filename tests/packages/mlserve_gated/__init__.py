"""A plugin whose predictions wait at a gate: for tests that need a request to be in the middle of being answered.

A model file is {"folder": …}. Each prediction but the first, which is asked while the model is loaded, puts a file
`entered-…` there and goes on once there is a file `open`.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from pyramid.config import Configurator

from mlserve.predictions.resources import PredictionsResource
from mlserve.signature import Batch, Field, OutputField, Signature

MLSERVE_API = (1, 0)


class GatedFamily:
    name = "gated"
    formats = (".gated",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        return Signature((Field("x", "float64"),), (OutputField("value", "float64"),))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "GatedPredictor":
        return GatedPredictor(Path(json.loads(path.read_bytes())["folder"]))

    def libraries(self) -> dict[str, str]:
        return {}


class GatedPredictor:
    concurrency = "parallel"
    engine = "exact"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._warm = False

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        if not self._warm:
            self._warm = True
            return {"value": batch.column("x")[0]}
        (self.folder / f"entered-{uuid4().hex}").touch()
        while not (self.folder / "open").exists():
            time.sleep(0.005)
        return {"value": batch.column("x")[0]}

    def info(self) -> dict[str, Any]:
        return {}

    def close(self) -> None: ...


class GatedPredictions(PredictionsResource):
    family = "gated"


def includeme(config: Configurator) -> None:
    config.add_model_family("gated", GatedFamily)
    config.add_model_resource("predictions", GatedPredictions)
