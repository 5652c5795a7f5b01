"""Predictors that do what none should."""

import sys
from typing import Any

import numpy as np

from mlserve.signature import Field, OutputField, Signature

ANSWERS: dict[str, Any] = {
    "nothing": lambda n: None,
    "a word": lambda n: "value",
    "another output": lambda n: {"values": np.zeros(n)},
    "one row too many": lambda n: np.zeros(n + 1),
    "a column": lambda n: np.zeros((n, 1)),
    "words for numbers": lambda n: np.array(["one"] * n),
    "objects": lambda n: [object()] * n,
    "lists of different sizes": lambda n: [[1.0], [2.0, 3.0]],
}


class Faulty:
    """Fails as its arguments say."""

    def __init__(self, answers: str = "", raises: str = "", at: str = "predict") -> None:
        self.answers, self.raises, self.at = answers, raises, at
        if at == "load":
            self.fail()

    @classmethod
    def signature(cls) -> Signature:
        return Signature((Field("x", "float64"),), (OutputField("value", "float64"),))

    def fail(self) -> None:
        if self.raises == "SystemExit":
            sys.exit(3)
        if self.raises == "RecursionError":
            self.fail()
        raise {"KeyboardInterrupt": KeyboardInterrupt, "MemoryError": MemoryError, "KeyError": KeyError}[self.raises](
            "?"
        )

    def predict(self, inputs: dict[str, Any]) -> Any:
        if self.raises:
            self.fail()
        return ANSWERS[self.answers](len(inputs["x"]))

    def close(self) -> None:
        if self.at == "close":
            self.fail()


class NoPredictor:
    """Predicts nothing."""
