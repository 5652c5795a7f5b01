"""Whether a signature is one that a model of trees can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlserve.errors import SignatureError
from mlserve.signature import Field, Signature


@dataclass(frozen=True)
class Inputs:
    """What a model says of its features, each in their order.

    `own` are the fields that the file tells of and `named` whether their names are the model's; `takes` says which
    types a signature may give a field, by its own type. `counts` is how many categories the model knows, None where it
    does not say, and `highest` the highest code that it splits on, -1 for none.
    """

    own: Sequence[Field]
    named: bool
    takes: Mapping[str, frozenset[str]]
    counts: Sequence[int | None]
    highest: Sequence[int]

    def require(self, signature: Signature) -> None:
        """Raises SignatureError where this model cannot answer the signature."""
        names = tuple(field.name for field in self.own)
        if len(signature.inputs) != len(names):
            raise SignatureError(f"The signature has {len(signature.inputs)} inputs, and the model has {len(names)}.")
        if self.named and signature.names != names:
            at = next(at for at, pair in enumerate(zip(signature.names, names, strict=True)) if pair[0] != pair[1])
            raise SignatureError(
                f"Input {at} of the signature is {signature.names[at]!r}, and the model's is {names[at]!r}."
            )
        signature.require_categories()
        for position, (field, own) in enumerate(zip(signature.inputs, self.own, strict=True)):
            if field.shape or field.type not in self.takes[own.type]:
                named = "a tensor" if field.shape else field.type
                raise SignatureError(f"The input {field.name!r} is {named}, and the model takes it as {own.type}.")
            if self.counts[position] is not None or self.highest[position] >= 0 or own.type == "category":
                self._require_categories(position, field, own)
            elif field.type == "category" and field.unknown == "native":
                raise SignatureError(
                    f"The model splits on the input {field.name!r} as a number, so that an unknown category has no "
                    f"meaning for it: remove 'unknown' from its .signature.json."
                )

    def _require_categories(self, position: int, field: Field, own: Field) -> None:
        if field.type != "category":  # Whole numbers, which are the codes themselves.
            return
        if own.categories and field.categories != own.categories:
            raise SignatureError(
                f"The categories of the input {field.name!r} are not the model's, in the model's order."
            )
        given, known, least = len(field.categories), self.counts[position], self.highest[position] + 1
        if given != (known or given) or given < least:
            number = f"{known}" if known else f"at least {least}"
            raise SignatureError(
                f"The signature gives the input {field.name!r} {given} categories, and the model knows {number}."
            )
