"""Explanations by the contribution of each input to the margin: their scale in words, and the name of each block."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import TooLarge
from mlserve.inference import Explanation
from mlserve.signature import Batch, OutputField, Signature
from mlserve.trees.outputs import LABEL

# A number takes about 40 bytes of an answer with its field's name: at most 200 MB, however many fields and classes.
MAX_NUMBERS: Final = 5_000_000
SECOND: Final = "the second class"  # In a scale's words it gives way to the class's name.
CLASS: Final = "log of the class's probability, up to a number that all classes share"

Numbers = NDArray[np.floating[Any]]


class Explainer:
    """Explains one version's answers; `contribute` gives (n, blocks, inputs + 1), the bias last, and (n, blocks)."""

    def __init__(
        self,
        method: str,
        scale: str,
        blocks: tuple[str | None, ...],
        contribute: Callable[[Batch], tuple[Numbers, Numbers]],
    ) -> None:
        self._method, self._scale, self._blocks, self._contribute = method, scale, blocks, contribute

    def __call__(self, batch: Batch) -> Explanation:
        """Raises what `contribute` raises, and TooLarge before anything is computed."""
        numbers = batch.n * len(self._blocks) * len(batch.signature.inputs)
        if numbers > MAX_NUMBERS:
            raise TooLarge(f"The explanation would have {numbers:,} numbers, and may have {MAX_NUMBERS:,}.")
        contributions, margin = self._contribute(batch)
        return Explanation(
            method=self._method,
            scale=self._scale,
            blocks=self._blocks,
            contributions=np.asarray(contributions[:, :, :-1], np.float32),
            bias=np.asarray(contributions[:, :, -1], np.float32),
            margin=np.asarray(margin, np.float32),
        )


def scale_of(words: str, signature: Signature) -> str:
    """What the margin is, in words: those of the signature, where its label names the two classes."""
    # Only a label does: the categories of several probabilities name the targets.
    names = next((output.categories for output in signature.outputs if output.name == LABEL), ())
    return words.replace(SECOND, names[1]) if len(names) == 2 else words


def blocks_of(
    groups: int, signature: Signature, own: Iterable[OutputField], *, are_classes: bool
) -> tuple[str | None, ...]:
    """The name of each number that the model adds up for a row: a class, a quantile or a target; None for a single one.

    Classes have the names that the signature gives them, everything without a name is counted from 0.
    """
    if groups == 1:
        return (None,)
    for output in (*signature.outputs, *own):
        # A label of several targets names two classes, not the targets.
        if len(output.categories) == groups and (are_classes or output.name != LABEL):
            return output.categories
    return tuple(str(number) for number in range(groups))
