"""From the arrays that a tensor model gives to the outputs of its signature: its own, and labels made of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import INTEGERS, OutputField, Signature
from mlserve.signature.fields import ANY_SIZE
from mlserve.tensors.labels import Label


class Outputs:
    """The answers of one version: `own` are the model's outputs, with which the signature's begin."""

    def __init__(self, own: Sequence[OutputField], signature: Signature) -> None:
        """Raises SignatureError where the signature asks for what the model does not answer."""
        given = signature.outputs[: len(own)]
        self._names = [field.name for field in own]
        if [field.name for field in given] != self._names:
            names = ", ".join(map(repr, self._names))
            raise SignatureError(f"The model's outputs are {names}, and the signature does not begin with them.")
        for field, before in zip(given, own, strict=True):
            _require_same(before, field)
        self._labels = {field.name: Label(field, given) for field in signature.outputs[len(own) :]}

    def __call__(self, found: Sequence[NDArray[np.generic]]) -> dict[str, np.ndarray]:
        """The answers by name, of the arrays that the model gave; a label as the number of its class."""
        answers = dict(zip(self._names, found, strict=True))
        return answers | {name: label(found[label.source]) for name, label in self._labels.items()}


def _require_same(own: OutputField, field: OutputField) -> None:
    """The signature may name the classes of texts and whole numbers, and leave a size open that the library infers."""
    named = field.type == "category" and (own.type == "string" or own.type in INTEGERS)
    if field.type != own.type and not named:
        raise SignatureError(f"The output {field.name!r} is {field.type}, and the model gives {own.type}.")
    same = len(field.shape) == len(own.shape) and all(
        mine == size or ANY_SIZE in (mine, size) for mine, size in zip(own.shape, field.shape, strict=True)
    )
    if not same:
        raise SignatureError(f"The output {field.name!r} has the shape {field.shape}, and the model's is {own.shape}.")
