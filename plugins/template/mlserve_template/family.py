"""Means in a JSON file: {"mean": 12.5, "offsets": {"carrier": {"AA": -1.5, "UA": 2.25}}}.

The answer for an instance is the mean plus, for each field, the offset of its category; a missing value adds nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from mlserve.errors import BundleError, SignatureError
from mlserve.inference import Explanation
from mlserve.signature import Batch, Field, OutputField, Signature

NAME = "template"


class Means(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a model file holds: msgspec checks that it does, to the last number."""

    mean: float
    offsets: dict[str, dict[str, float]]


class TemplateFamily:
    """Reads `.template` files."""

    name = NAME
    formats = (".template",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        """A category for each field that has offsets, and one output. Raises BundleError or SignatureError."""
        fields = [
            Field(name, "category", nullable=True, categories=tuple(offsets))
            for name, offsets in read(path).offsets.items()
        ]
        return Signature(tuple(fields), (OutputField("value", "float64"),))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "TemplatePredictor":
        """Raises BundleError, or SignatureError where a sidecar asks for what a mean cannot answer."""
        if [output.name for output in signature.outputs] != ["value"]:
            raise SignatureError("a model of means has one output, 'value': name no other in its .signature.json")
        return TemplatePredictor(read(path), signature, settings["decimals"])

    def libraries(self) -> dict[str, str]:
        return {"numpy": np.__version__}


class TemplatePredictor:
    """Answers from many threads at once: nothing of a call is kept."""

    concurrency: Literal["parallel"] = "parallel"
    engine = "exact"

    def __init__(self, means: Means, signature: Signature, decimals: int) -> None:
        self.means = means
        self.decimals = decimals
        # The last number of a table is for what has no offset: a missing value, or a category that is not in the file.
        self._tables = [
            np.array([*(means.offsets[field.name].get(category, 0.0) for category in field.categories), 0.0])
            for field in signature.inputs
        ]

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        return {"value": self._values(self._offsets(batch)).round(self.decimals)}

    def explain(self, batch: Batch) -> Explanation:
        """The mean is the bias, and what a field adds is its contribution."""
        offsets = self._offsets(batch)
        return Explanation(
            method="offsets",
            scale="value",
            blocks=(None,),
            contributions=offsets[:, None, :].astype(np.float32),
            bias=np.full((batch.n, 1), self.means.mean, np.float32),
            margin=self._values(offsets)[:, None].astype(np.float32),
        )

    def info(self) -> dict[str, Any]:
        return {"mean": self.means.mean, "fields": len(self._tables)}

    def close(self) -> None:
        """There is nothing to give back: no file is open and no thread runs."""

    def _offsets(self, batch: Batch) -> np.ndarray:
        """What each field adds to each instance: (n, fields)."""
        codes = np.nan_to_num(batch.matrix(), nan=-1).astype(int)
        return np.stack([table[codes[:, at]] for at, table in enumerate(self._tables)], axis=1)

    def _values(self, offsets: np.ndarray) -> np.ndarray:
        return np.asarray(self.means.mean + offsets.sum(axis=1))


def read(path: Path) -> Means:
    """Raises BundleError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Means)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{path.name} is no model of means: {error}.") from error
