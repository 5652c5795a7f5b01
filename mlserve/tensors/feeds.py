"""Feeds: from a Batch to the arrays that a model's inputs take.

A feed gives an array (n, *shape), or where instances differ in size an object array (n,) of arrays, in the type of the
model's own field. What is missing is NaN: only floats have such a value.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import FLOATS, INTEGERS, NARROWER, TEXTS, Batch, Field, Signature
from mlserve.signature.fields import ANY_SIZE, takes_shape
from mlserve.signature.ranges import FLOAT_LIMITS, INTEGER_RANGES, range_of

Feed = Callable[[Batch], NDArray[Any]]
Change = Callable[[NDArray[Any]], NDArray[Any]]

_SHOWN: Final = 5  # names, where a sentence lists them


def feeds_of(
    own: Sequence[Field], signature: Signature, feed: Callable[[int, Field], Feed], finish: Change | None = None
) -> list[Feed]:
    """One for each of the model's own fields: `feed(place, field)` makes it of the signature's field.

    A single input of k floats may be k named columns in the signature, whose matrix (n, k) `finish` is given.
    Raises SignatureError where the model cannot be asked so.
    """
    signature.require_categories()
    names = tuple(field.name for field in own)
    if signature.names == names:
        return [feed(place, field) for place, field in enumerate(signature.inputs)]
    if len(own) != 1:
        raise SignatureError(f"The model's inputs are {_listed(names)}, not {_listed(signature.names)}.")
    matrix = _matrix_feed(own[0], signature)
    return [matrix if finish is None else lambda batch: finish(matrix(batch))]


def column_feed(own: Field, field: Field) -> Feed:
    """The values of one field as the model's `own` type has them; a category that stands for a number by its code.

    Raises SignatureError where a value of `field` could become another one in that type, or has no place in it.
    """
    if not takes_shape(own.shape, field.shape):
        raise SignatureError(f"The input {field.name!r} has the shape {field.shape}, and the model's is {own.shape}.")
    _require_type(own, field)
    name, dtype = field.name, np.dtype(object if own.type == "string" else own.type)
    if own.type in {"string", field.type}:  # Floats hold NaN already where they are missing.
        return lambda batch: batch.column(name)[0]
    convert = _codes(field, dtype) if field.type == "category" else lambda array: array.astype(dtype)
    if not field.nullable:
        return changed(field, convert)

    def converted(batch: Batch) -> NDArray[Any]:
        column, mask = batch.column(name)
        array = convert(column)  # A copy: what the Batch gives is not to be written to.
        array[mask] = np.nan
        return array

    return converted


def changed(field: Field, change: Change, feed: Feed | None = None) -> Feed:
    """What `feed` gives for a field, else its column, changed at once, or where instances differ in size one by one."""
    name = field.name
    given = feed or (lambda batch: batch.column(name)[0])
    if not field.varies:
        return lambda batch: change(given(batch))

    def each(batch: Batch) -> NDArray[Any]:
        column = given(batch)
        arrays = np.empty(len(column), object)  # Filled one by one: numpy would stack arrays of one size.
        for at, array in enumerate(column):
            arrays[at] = change(array)
        return arrays

    return each


def require_picture(own: Field, field: Field, axis: int | None, takes: Collection[str]) -> None:
    """Refuse an image where the model's tensor is none: `axis` is that of its channels, `takes` are types of pixels.

    Raises SignatureError.
    """
    if axis is None or own.type not in takes:
        raise SignatureError(f"The input {field.name!r} is an image, and the model's is no tensor of pixels.")
    if field.nullable:
        raise SignatureError(f"The image {field.name!r} may be missing, for which the model has no value.")
    sizes = (*own.shape[:axis], *own.shape[axis + 1 :], own.shape[axis])
    if not takes_shape(sizes, field.shape or (ANY_SIZE, ANY_SIZE, 3)):
        said = f"the shape {field.shape}" if field.shape else "no shape"
        raise SignatureError(f"The image {field.name!r} has {said}, and the model's is {sizes}.")


def _require_type(own: Field, field: Field) -> None:
    """Refuse a field that holds what the model's own type does not. Raises SignatureError."""
    if field.type != own.type and field.type not in NARROWER.get(own.type, frozenset()):
        raise SignatureError(f"The input {field.name!r} is {field.type}, and the model takes it as {own.type}.")
    if field.nullable and own.type not in FLOATS:
        raise SignatureError(
            f"The input {field.name!r} may be missing, and the model takes it as {own.type}, which has no such value."
        )
    if field.nullable and field.varies:
        raise SignatureError(f"The input {field.name!r} may be missing, and has no size then: fix its shape.")
    if field.type == "category" and own.type not in TEXTS:
        codes = len(field.categories) + (field.unknown == "native")
        if codes - 1 > _highest_code(own.type):
            raise SignatureError(f"The input {field.name!r} has {codes} categories, more than {own.type} can count.")
    held = range_of(field) if field.type in INTEGERS else None
    if held is not None and own.type in FLOATS and max(-held.low, held.high) > FLOAT_LIMITS[own.type]:
        raise SignatureError(
            f"The input {field.name!r} may be as large as {max(-held.low, held.high)}, and the model takes it as "
            f"{own.type}: give it a minimum and a maximum within {FLOAT_LIMITS[own.type]:g}."
        )


def _matrix_feed(own: Field, signature: Signature) -> Feed:
    """Named numbers in place of a feature matrix (n, k)."""
    width = len(signature.inputs)
    if own.type not in FLOATS or not takes_shape(own.shape, (width,)):
        raise SignatureError(
            f"The model has one input, {own.name!r} of shape {own.shape} as {own.type}, for which the signature has "
            f"{width}: only a vector of floats takes a named input for each of its numbers."
        )
    columns = [column_feed(Field(own.name, own.type), field) for field in signature.inputs]
    if own.type == "float64":  # The core's matrix is float32.
        return lambda batch: np.stack([column(batch) for column in columns], axis=1)
    if own.type == "float16":
        return lambda batch: batch.matrix().astype(np.float16)
    return lambda batch: batch.matrix()


def _codes(field: Field, dtype: np.dtype[Any]) -> Change:
    codes = {category: code for code, category in enumerate(field.categories)}
    unknown = len(codes)  # What is missing is not known either, and becomes NaN.

    def coded(texts: NDArray[Any]) -> NDArray[Any]:
        return np.array([codes.get(text, unknown) for text in texts.ravel()], dtype).reshape(texts.shape)

    return coded


def _highest_code(type_: str) -> float:
    """Up to which whole number the type holds each."""
    return INTEGER_RANGES[type_][1] if type_ in INTEGERS else 2.0 ** (np.finfo(type_).nmant + 1)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
