"""Linear models in a JSON file: {"intercept": 1.0, "coefficients": {"x": 2.0}}."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlserve.errors import BundleError
from mlserve.signature import Batch, Field, OutputField, Signature


class LinearFamily:
    name = "linear"
    formats = (".linear",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        fields = tuple(Field(name, "float64") for name in _read(path)["coefficients"])
        return Signature(fields, (OutputField("value", "float64"),))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "LinearPredictor":
        return LinearPredictor(_read(path), settings["decimals"])

    def libraries(self) -> dict[str, str]:
        return {"arithmetic": "1"}


class LinearPredictor:
    concurrency = "parallel"
    engine = "exact"

    def __init__(self, content: dict[str, Any], decimals: int) -> None:
        self.intercept = content["intercept"]
        self.coefficients = content["coefficients"]
        self.decimals = decimals
        self.closed = False

    def predict(self, batch: Batch, outputs: Collection[str] | None = None) -> dict[str, np.ndarray]:
        if self.coefficients.get("fail"):
            raise ZeroDivisionError("secret of the plugin")
        value = np.full(batch.n, self.intercept)
        for name, weight in self.coefficients.items():
            value += weight * batch.column(name)[0]
        return {"value": value.round(self.decimals)}

    def info(self) -> dict[str, Any]:
        return {"terms": len(self.coefficients)}

    def close(self) -> None:
        self.closed = True


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        return {"intercept": float(content["intercept"]), "coefficients": dict(content["coefficients"])}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path.name} is not a linear model: {error!r}") from error
