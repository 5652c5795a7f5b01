"""Predictors in all the ways in which people write them, none of them wrong."""

from pathlib import Path
from typing import Any

import numpy as np

from mlserve.signature import Field, OutputField, Signature
from mlserve_python import Predictor, Refused

TWO = Signature((Field("x", "float64"), Field("y", "float64", nullable=True)), (OutputField("value", "float64"),))


class Scaled(Predictor):
    """Adds what it is given, times a factor.

    More of it stands here.
    """

    concurrency = "parallel"

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.closed = False

    @classmethod
    def signature(cls) -> Signature:
        return TWO

    def predict(self, inputs: dict[str, Any]) -> Any:
        return (inputs["x"] + np.nan_to_num(inputs["y"])) * self.factor

    def explain(self, inputs: dict[str, Any]) -> dict[str, Any]:
        parts = np.stack([inputs["x"], np.nan_to_num(inputs["y"])], axis=1) * self.factor
        return {"method": "linear", "scale": "value", "bias": 0.0, "contributions": parts}

    def save(self, folder: Path) -> dict[str, Any]:
        return {"factor": self.factor}

    def close(self) -> None:
        self.closed = True


class Shifted(Predictor):
    """Adds its argument and what its file says; has no `load`."""

    def __init__(self, folder: Path, k: int) -> None:
        self.shift = k + float((folder / "by.txt").read_text())

    @classmethod
    def signature(cls) -> Signature:
        return TWO

    def predict(self, inputs: dict[str, Any]) -> np.ndarray:
        return inputs["x"] + self.shift


class Words:
    """Knows the words of a file, by rows; inherits nothing."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    @classmethod
    def load(cls, folder: Path, arguments: dict[str, Any]) -> "Words":
        return cls((folder / arguments["file"]).read_text().split())

    @staticmethod
    def signature() -> dict[str, Any]:
        return {
            "inputs": [{"name": "text", "type": "string"}, {"name": "twice", "type": "bool", "nullable": True}],
            "outputs": [{"name": "known", "type": "int64"}, {"name": "first", "type": "string"}],
        }

    def predict_one(self, row: dict[str, Any]) -> dict[str, Any]:
        words = row["text"].split()
        if not words:
            raise Refused("text", 0, "a text with a word in it")
        known = sum(word in self.words for word in words)
        return {"known": known * (2 if row["twice"] else 1), "first": words[0]}

    def save(self, folder: Path) -> dict[str, Any]:
        (folder / "words.txt").write_text(" ".join(self.words))
        return {"file": "words.txt"}


class Steps:
    """With a step before and one after, and a signature that only a sidecar says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def preprocess(self, inputs: dict[str, Any]) -> np.ndarray:
        return np.stack([inputs["a"], inputs["b"]], axis=1)

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return matrix.sum(axis=1)

    def postprocess(self, sums: np.ndarray) -> dict[str, Any]:
        return {"label": np.where(sums > 0, "above", "below"), "sum": sums}
