"""What kind of file a content is: Google's Magika, a small neural network that comes in its own package."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
from magika import ContentTypeLabel, Magika

from mlserve.signature import Field, OutputField, Signature
from mlserve_python import Predictor, Refused

# A content type's name, such as "python"; among them are "unknown" and "undefined", which Magika never answers.
LABELS = tuple(sorted(str(label) for label in ContentTypeLabel))


class FileType(Predictor):
    """Tells from its bytes what kind of file a content is.

    Magika looks at the beginning, the middle and the end.
    """

    # ONNX Runtime, which Magika asks, answers many threads at once.
    concurrency = "parallel"

    def __init__(self, magika: Magika, largest: int) -> None:
        self._magika = magika
        self._largest = largest

    @classmethod
    def load(cls, folder: Path, arguments: dict[str, Any]) -> Self:
        return cls(Magika(), arguments.get("largest", 1_000_000))

    @classmethod
    def signature(cls) -> Signature:
        return Signature(
            inputs=(Field("content", "bytes", keep="hash", description="The file's bytes."),),
            outputs=(
                OutputField("label", "category", categories=LABELS),
                OutputField("score", "float64", description="How sure Magika is, from 0 to 1."),
            ),
        )

    def libraries(self) -> dict[str, str]:
        return {"magika": version("magika")}

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        for instance, content in enumerate(inputs["content"]):
            if len(content) > self._largest:
                raise Refused("content", instance, f"at most {self._largest} bytes")
        found = [self._magika.identify_bytes(content) for content in inputs["content"]]
        return {
            "label": np.array([str(one.output.label) for one in found], np.object_),
            "score": np.array([one.score for one in found]),
        }
