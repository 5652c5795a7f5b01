"""Labels: class names that a sidecar gives to a model which answers scores."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import FLOATS, OutputField

_THRESHOLD: Final = 0.5


class Label:
    """The class with the highest score, or of a single score the second class from a threshold on."""

    def __init__(self, label: OutputField, outputs: Sequence[OutputField]) -> None:
        """`outputs` are the model's own; of several that could be meant, the label's name says which: `NAME.label`.

        Raises SignatureError where none of them, or more than one, could be meant.
        """
        classes = len(label.categories)
        shapes = ((classes,), (1,), ()) if classes == 2 else ((classes,),)
        fitting = [at for at, field in enumerate(outputs) if field.type in FLOATS and field.shape in shapes]
        if len(fitting) > 1:
            fitting = [at for at in fitting if label.name.startswith(f"{outputs[at].name}.")]
        if len(fitting) != 1:
            raise SignatureError(
                f"The output {label.name!r} needs one output of {classes} scores to take its class from; where the "
                f"model has several, name it as the one that is meant, with an ending: 'NAME.label'."
            )
        (self.source,) = fitting
        self._single = outputs[self.source].shape != (classes,)
        self._threshold = _THRESHOLD if label.threshold is None and self._single else label.threshold

    def __call__(self, scores: NDArray[Any]) -> NDArray[Any]:
        """The numbers of the classes: (n,)."""
        if self._threshold is None:
            return np.asarray(scores.argmax(axis=1))
        second = scores.reshape(len(scores), -1)[:, -1]
        return (second >= self._threshold).astype(np.int64)
