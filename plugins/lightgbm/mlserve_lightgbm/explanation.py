"""What an explanation of a LightGBM model says: its scale in words, and the name of each block."""

from collections.abc import Callable
from typing import Any, Final

from numpy.typing import NDArray

from mlserve.signature import Batch, Signature
from mlserve.trees import explaining
from mlserve.trees.explaining import CLASS, SECOND, Explainer
from mlserve_lightgbm.engine import Engine
from mlserve_lightgbm.model_file import ModelFile
from mlserve_lightgbm.outputs import outputs_of

Matrices = Callable[[Batch], NDArray[Any]]

_LOG_ODDS: Final = f"log-odds of {SECOND}"
# What LightGBM adds up before the objective makes an answer of it; `SECOND` gives way to the class's name.
_SCALES: Final[dict[str, str]] = {
    "binary": _LOG_ODDS,
    "multiclass": CLASS,
    "multiclassova": "log-odds of the class against all others",
    "cross_entropy": _LOG_ODDS,
    "cross_entropy_lambda": "log of the value's exponential less 1",
    "poisson": "log of the expected count",
    "gamma": "log of the value",
    "tweedie": "log of the value",
    "lambdarank": "score",
    "rank_xendcg": "score",
    "custom": "sum of the trees' leaves",
}


def explainer_of(file: ModelFile, signature: Signature, engine: Engine, matrix: Matrices) -> Explainer:
    """Explains one version's answers by the contribution of each input to the margin (TreeSHAP)."""
    scale = explaining.scale_of(_words(file), signature)
    return Explainer("treeshap", scale, blocks_of(file, signature), lambda batch: engine.contributions(matrix(batch)))


def blocks_of(file: ModelFile, signature: Signature) -> tuple[str | None, ...]:
    """The name of each number that the model adds up for a row; None for a single one."""
    return explaining.blocks_of(file.classes, signature, outputs_of(file), are_classes=file.classes > 1)


def _words(file: ModelFile) -> str:
    words = _SCALES.get(file.objective, "square root of the value, with its sign" if file.root else "value")
    scaled = file.sigmoid != 1 and file.objective in ("binary", "multiclassova")
    return f"{words}, divided by {file.sigmoid:g}" if scaled else words
