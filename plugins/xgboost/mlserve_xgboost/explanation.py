"""What an explanation of an XGBoost model says: its scale in words, and the name of each block."""

from typing import Final

from mlserve.errors import TooLarge
from mlserve.inference import Explanation
from mlserve.signature import Batch, Signature
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.model_file import ModelFile
from mlserve_xgboost.outputs import LABEL, outputs_of

# A number takes about 40 bytes of an answer with its field's name: at most 200 MB, however many fields and classes.
MAX_NUMBERS: Final = 5_000_000

_CLASS: Final = "log of the class's probability, up to a number that all classes share"
_SECOND: Final = "the second class"
# What XGBoost adds up before the objective makes an answer of it; `_SECOND` gives way to the class's name.
_SCALES: Final[dict[str, str]] = {
    "binary:logistic": f"log-odds of {_SECOND}",
    "binary:logitraw": f"log-odds of {_SECOND}",
    "binary:hinge": f"margin: above 0 is {_SECOND}",
    "multi:softprob": _CLASS,
    "multi:softmax": _CLASS,
    "reg:squarederror": "value",
    "reg:linear": "value",
    "reg:squaredlogerror": "value",
    "reg:pseudohubererror": "value",
    "reg:absoluteerror": "value",
    "reg:logistic": "log-odds of the value",
    "reg:gamma": "log of the value",
    "reg:tweedie": "log of the value",
    "count:poisson": "log of the expected count",
    "reg:quantileerror": "value",
    "rank:ndcg": "score",
    "rank:map": "score",
    "rank:pairwise": "score",
    "survival:cox": "log of the hazard ratio",
    "survival:aft": "log of the time",
}


class Explainer:
    """Explains one version's answers by the contribution of each input to the margin."""

    def __init__(self, file: ModelFile, signature: Signature, engine: Engine) -> None:
        self._engine = engine
        self._method = "linear" if file.booster == "gblinear" else "treeshap"
        self._scale = scale_of(file, signature)
        self._blocks = blocks_of(file, signature)

    def __call__(self, batch: Batch) -> Explanation:
        """Raises NotSupported for infinite inputs, and TooLarge before anything is computed."""
        numbers = batch.n * len(self._blocks) * len(batch.signature.inputs)
        if numbers > MAX_NUMBERS:
            raise TooLarge(f"The explanation would have {numbers:,} numbers, and may have {MAX_NUMBERS:,}.")
        contributions, margin = self._engine.contributions(batch.matrix())
        return Explanation(
            method=self._method,
            scale=self._scale,
            blocks=self._blocks,
            contributions=contributions[:, :, :-1],
            bias=contributions[:, :, -1],
            margin=margin,
        )


def scale_of(file: ModelFile, signature: Signature) -> str:
    """What the margin is, in words: those of the signature, where its label names the two classes."""
    scale = _SCALES[file.objective]
    # Only a label does: the categories of several probabilities name the targets.
    names = next((output.categories for output in signature.outputs if output.name == LABEL), ())
    return scale.replace(_SECOND, names[1]) if len(names) == 2 else scale


def blocks_of(file: ModelFile, signature: Signature) -> tuple[str | None, ...]:
    """The name of each number that the model adds up for a row: a class, a quantile or a target; None for a single one.

    Classes have the names that the signature gives them, everything without a name is counted from 0.
    """
    groups = max(file.classes, file.targets)
    if groups == 1:
        return (None,)
    for output in (*signature.outputs, *outputs_of(file)):
        # A label of several targets names two classes, not the targets.
        if len(output.categories) == groups and (file.classes or output.name != LABEL):
            return output.categories
    return tuple(str(number) for number in range(groups))
