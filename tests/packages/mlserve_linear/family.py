"""Linear models in a JSON file: {"intercept": 1.0, "coefficients": {"x": 2.0}}.

"explanation" in it says how the model explains itself: "well" unless given, "no", "failing" or "misshapen".
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlserve.errors import BundleError
from mlserve.inference import Explanation
from mlserve.signature import Batch, Field, OutputField, Signature


class LinearFamily:
    name = "linear"
    formats = (".linear",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        fields = tuple(Field(name, "float64") for name in _read(path)["coefficients"])
        return Signature(fields, (OutputField("value", "float64"),))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "LinearPredictor":
        content = _read(path)
        kind = LinearPredictor if content["explanation"] == "no" else ExplainingPredictor
        return kind(content, settings["decimals"])

    def libraries(self) -> dict[str, str]:
        return {"arithmetic": "1"}


class LinearPredictor:
    concurrency = "parallel"
    engine = "exact"

    def __init__(self, content: dict[str, Any], decimals: int) -> None:
        self.intercept = content["intercept"]
        self.coefficients = content["coefficients"]
        self.explanation = content["explanation"]
        self.decimals = decimals
        self.closed = False

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
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


class ExplainingPredictor(LinearPredictor):
    """Each term is the contribution of its field, and the intercept is the bias."""

    def explain(self, batch: Batch) -> Explanation:
        if self.explanation == "failing":
            raise ZeroDivisionError("secret of the plugin")
        terms = [self.coefficients[name] * batch.column(name)[0] for name in batch.signature.positions]
        contributions = np.stack(terms, axis=1).astype(np.float32)[:, None, :]
        bias = np.full((batch.n, 1), self.intercept, np.float32)
        margin = bias + contributions.sum(axis=2)
        if self.explanation == "misshapen":
            contributions = contributions[:, :, 1:]
        return Explanation("terms", "value", (None,), contributions, bias, margin)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        return {
            "intercept": float(content["intercept"]),
            "coefficients": dict(content["coefficients"]),
            "explanation": content.get("explanation", "well"),
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{path.name} is not a linear model: {error!r}") from error
