"""A family for tests of what is no family: `mlserve.testing.sums`, whose models add `x` and `y`.

A model file, `NAME.sum`, is JSON such as `{"plus": 1.5}`; `{"fails": true}` is one whose predictor raises.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from pyramid.config import Configurator

from mlserve.errors import BundleError
from mlserve.predictions.resources import PredictionsResource
from mlserve.signature import Batch, Field, OutputField, Signature

MLSERVE_API = (1, 0)
NAME = "sums"


def includeme(config: Configurator) -> None:
    config.add_model_family(NAME, SumFamily)
    config.add_model_resource("predictions", SumPredictions)


class SumPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions`."""

    family = NAME


class Sum(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a model file holds."""

    plus: float = 0.0
    fails: bool = False


class SumFamily:
    """Reads `.sum` files."""

    name = NAME
    formats = (".sum",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        """Two numbers, and their sum. Raises BundleError."""
        read(path)
        return Signature((Field("x", "float64"), Field("y", "float64")), (OutputField("value", "float64"),))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "SumPredictor":
        return SumPredictor(read(path))

    def libraries(self) -> dict[str, str]:
        return {"numpy": np.__version__}


class SumPredictor:
    """Answers the sum; one that fails does so at its second question, since the first makes it warm."""

    concurrency: Literal["parallel"] = "parallel"
    engine = "exact"

    def __init__(self, model: Sum) -> None:
        self.model = model
        self._asked = False

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        if self.model.fails and self._asked:
            raise RuntimeError("it fails, as its file says")
        self._asked = True
        return {"value": batch.column("x")[0] + batch.column("y")[0] + self.model.plus}

    def info(self) -> dict[str, Any]:
        return {"plus": self.model.plus}

    def close(self) -> None:
        """There is nothing to give back."""


def read(path: Path) -> Sum:
    """Raises BundleError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sum)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{path.name} is no sum: {error}.") from error
