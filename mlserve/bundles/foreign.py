"""What another tool says of a model's inputs and outputs, beside what its file says itself."""

from dataclasses import replace

from mlserve.bundles.sample import Sample
from mlserve.signature import FLOATS, NARROWER, NUMBERS, Field, Signature

# What the words of another tool may make of a number of the file: they tell how data frames hold it.
_NARROWS = NUMBERS - FLOATS


def imported_into(file: Signature | None, said: Signature) -> Signature:
    """The file's signature with names where it has none, narrower types, and fields that may be absent.

    Where the file says nothing, all that the other tool says. Outputs are the file's: ours have names of their own, in
    the order of the other's. Where the two have nothing in common, the file is right.
    """
    if file is None:
        return said
    if any(field.name in said.positions for field in file.inputs):
        pairs = [(field, _named(said, field.name)) for field in file.inputs]
    elif len(said.inputs) == len(file.inputs):
        pairs = list(zip(file.inputs, said.inputs, strict=True))
    else:
        return file
    return Signature(tuple(_merged(field, other) for field, other in pairs), file.outputs)


def fitting(sample: Sample, signature: Signature) -> Sample:
    """The sample with the signature's names by position, where it has as many columns and knows none of the names."""
    names = signature.names
    if len(names) != len(sample.columns) or not sample.columns.keys().isdisjoint(names):
        return sample
    return replace(sample, columns=dict(zip(names, sample.columns.values(), strict=True)))


def _named(signature: Signature, name: str) -> Field | None:
    return signature.inputs[signature.positions[name]] if name in signature.positions else None


def _merged(field: Field, other: Field | None) -> Field:
    if other is None or other.shape != field.shape:
        return field
    merged = replace(field, name=other.name) if field.name != other.name and _is_placeholder(field.name) else field
    if field.type in FLOATS and other.type in _NARROWS & NARROWER.get(field.type, frozenset()):
        merged = replace(merged, type=other.type, minimum=None, maximum=None)
    return merged if other.required else replace(merged, required=False)


def _is_placeholder(name: str) -> bool:
    return name[:1] == "f" and name[1:].isdecimal()
