"""A family of texts: an input that takes any text, and one of the categories that the file lists. It answers both."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyramid.config import Configurator

from mlserve.predictions.resources import PredictionsResource
from mlserve.signature import Batch, Field, OutputField, Signature

MLSERVE_API = (1, 0)


def includeme(config: Configurator) -> None:
    config.add_model_family("texts", TextsFamily)
    config.add_model_resource("predictions", TextsPredictions)


class TextsPredictions(PredictionsResource):
    """Predictions of models that answer texts."""

    family = "texts"


class TextsFamily:
    name = "texts"
    formats = (".texts",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        categories = tuple(json.loads(path.read_bytes())["categories"])
        inputs = (Field("text", "string"), Field("kind", "category", categories=categories))
        outputs = (OutputField("text", "string"), OutputField("kind", "category", categories=categories))
        return Signature(inputs, outputs)

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "TextsPredictor":
        return TextsPredictor()

    def libraries(self) -> dict[str, str]:
        return {"echo": "1"}


class TextsPredictor:
    concurrency = "parallel"
    engine = "exact"

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        return {name: batch.column(name)[0] for name in ("text", "kind")}

    def info(self) -> dict[str, Any]:
        return {"answers": "what it is given"}

    def close(self) -> None:
        pass
