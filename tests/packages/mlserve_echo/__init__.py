"""A family that answers what it is given: an output for each input, of the same name, type and shape.

A model is a JSON file, `{"inputs": [ … ]}`, with fields as signatures have them. A missing number is answered as NaN
where its type has one, else as 0; a missing text as an empty one; a picture as the bytes of its file. With
`"as_floats": true` whole numbers and truth values are answered as floats, missing ones as NaN.
"""

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
    config.add_model_family("echo", EchoFamily)
    config.add_model_resource("predictions", EchoPredictions)


def echo_model(folder: Path, *fields: Field, name: str = "echo", as_floats: bool = False) -> Path:
    """A model file of these fields."""
    path = folder / f"{name}.echo"
    path.write_text(json.dumps({"inputs": [field.to_json() for field in fields], "as_floats": as_floats}))
    return path


class EchoPredictions(PredictionsResource):
    """Predictions of models that answer what they are given."""

    family = "echo"


class EchoFamily:
    name = "echo"
    formats = (".echo",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        fields = [Field.from_json(field) for field in json.loads(path.read_bytes())["inputs"]]
        return Signature(tuple(fields), tuple(_output(field) for field in fields))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "EchoPredictor":
        return EchoPredictor(signature, json.loads(path.read_bytes())["as_floats"])

    def libraries(self) -> dict[str, str]:
        return {"echo": "1"}


class EchoPredictor:
    concurrency = "parallel"
    engine = "exact"

    def __init__(self, signature: Signature, as_floats: bool) -> None:
        self._inputs = signature.inputs
        self._as_floats = as_floats

    def predict(self, batch: Batch) -> dict[str, Any]:
        return {field.name: self._answered(batch, field) for field in self._inputs}

    def _answered(self, batch: Batch, field: Field) -> Any:
        if field.type in ("bytes", "image") and not field.nesting:
            values = [getattr(value, "raw", value) or b"" for value in batch.values(field.name)]
            return _objects(values)
        array, mask = batch.column(field.name)
        if array.dtype.kind == "O" and not field.shape:
            return _objects(["" if missing else value for value, missing in zip(array, mask, strict=True)])
        if self._as_floats and array.dtype.kind in "biu":
            return np.where(mask, np.nan, array.astype(np.float64))
        return array

    def info(self) -> dict[str, Any]:
        return {"answers": "what it is given"}

    def close(self) -> None:
        pass


def _output(field: Field) -> OutputField:
    kind = "bytes" if field.type == "image" else field.type
    return OutputField(field.name, kind, field.nesting, categories=field.categories)


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array
