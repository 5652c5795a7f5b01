"""A plugin whose models are loaded at somebody's word: for tests that look at a server in the middle of loading one.

A model file is {"value": …, "folder": …}. Loading puts a file `begun-VALUE` into the folder, and goes on once there is
no file `hold` in it. Every prediction answers the value.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyramid.config import Configurator

from mlserve.predictions.resources import PredictionsResource
from mlserve.signature import Batch, Field, OutputField, Signature

MLSERVE_API = (1, 0)


class WaitingFamily:
    name = "waiting"
    formats = (".waiting",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        return Signature((Field("x", "float64"),), (OutputField("value", "float64"),))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "WaitingPredictor":
        content = json.loads(path.read_bytes())
        folder = Path(content["folder"])
        (folder / f"begun-{content['value']:g}").touch()
        while (folder / "hold").exists():
            time.sleep(0.005)
        return WaitingPredictor(content["value"])

    def libraries(self) -> dict[str, str]:
        return {}


class WaitingPredictor:
    concurrency = "parallel"
    engine = "exact"

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        return {"value": np.full(batch.n, self.value)}

    def info(self) -> dict[str, Any]:
        return {}

    def close(self) -> None: ...


class WaitingPredictions(PredictionsResource):
    family = "waiting"


def includeme(config: Configurator) -> None:
    config.add_model_family("waiting", WaitingFamily)
    config.add_model_resource("predictions", WaitingPredictions)
