"""A plugin for tests: a family whose artefact is a signature in JSON, and that answers how large its inputs are.

It serves the signature below and no other.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyramid.config import Configurator

from mlserve.errors import BundleError
from mlserve.predictions.resources import PredictionsResource
from mlserve.signature import Batch, Field, OutputField, Signature

MLSERVE_API = (1, 0)

INPUTS = (
    Field("photo", "image"),
    Field("thumb", "image", shape=(4, 6, 1), nullable=True),
    Field("file", "bytes"),
    Field("files", "bytes", shape=(-1,), nullable=True),
    Field("note", "text", nullable=True),
    Field("half", "float16", minimum=-1),
    Field("big", "uint64"),
    Field("small", "int8", nullable=True),
    Field("grid", "float32", shape=(-1, 2)),
    Field("deep", "uint8", shape=(-1, -1)),
    Field("place", "category", categories=("Oslo", "Riga")),
)
OUTPUTS = (
    OutputField("mean", "float16"),
    OutputField("big", "uint64"),
    OutputField("sums", "float32", shape=(-1,)),
    OutputField("file", "bytes"),
    OutputField("note", "text"),
    OutputField("size", "int64", shape=(2,)),
)


def typed_model(folder: Path) -> Path:
    path = folder / "all.typed"
    path.write_text(json.dumps(Signature(INPUTS, OUTPUTS).to_json()))
    return path


class TypedFamily:
    name = "typed"
    formats = (".typed",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        try:
            return Signature.from_json(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f"{path.name} is no signature in JSON.") from error

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "TypedPredictor":
        return TypedPredictor()

    def libraries(self) -> dict[str, str]:
        return {"numpy": np.__version__}


class TypedPredictor:
    concurrency = "parallel"
    engine = "numpy"

    def predict(self, batch: Batch) -> dict[str, Any]:
        photos, _ = batch.column("photo")
        grids, _ = batch.column("grid")
        return {
            "mean": np.array([photo.mean() / 255 for photo in photos]),
            "big": batch.column("big")[0],
            "sums": [grid.sum(axis=1) for grid in grids],
            "file": np.array([file[::-1] for file in batch.values("file")], object),
            "note": np.array([(note or "").upper() for note in batch.values("note")], object),
            "size": np.array([photo.shape[:2] for photo in photos]),
        }

    def info(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class TypedPredictions(PredictionsResource):
    family = "typed"


def includeme(config: Configurator) -> None:
    config.add_model_family("typed", TypedFamily)
    config.add_model_resource("predictions", TypedPredictions)
