"""Which rows of a sample become golden predictions: real ones, by rules, so that the same data gives the same."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain, zip_longest
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlserve.bundles.canonical import canonical_json, from_canonical
from mlserve.bundles.parts import MOST_GOLDEN
from mlserve.errors import BundleError
from mlserve.signature import Batch, Decoder, Field, Signature, StoredInputs
from mlserve.signature.examples import example_value
from mlserve.signature.fields import FLOATS, INTEGERS, least_size

Mask = NDArray[np.bool_]

# So many rows are golden where the data has as many, even if fewer show everything.
USUAL: Final = 50
# Rows of very many fields are fewer, so that the manifest stays readable.
_MOST_CELLS: Final = 100_000
_MOST_BYTES: Final = 2**22


def choose(batch: Batch, outputs: Mapping[str, NDArray[Any]]) -> list[int]:
    """The places of the golden rows, in their order: a value missing, the smallest, the largest, each category, each
    truth value and an unknown category of every field, and the smallest and largest answers, as far as there is room;
    then rows at even distances. Of rows that show the same, the first.
    """
    cells = sum(least_size(field.nesting) for field in batch.signature.inputs)
    most = max(1, min(MOST_GOLDEN, batch.n, _MOST_CELLS // cells))
    chosen: dict[int, None] = {}
    for shown in chain(_of_answers(outputs), _of_fields(batch)):
        if len(chosen) == most:
            break
        if shown.any() and not shown[list(chosen)].any():
            chosen[int(shown.argmax())] = None
    for place in np.linspace(0, batch.n - 1, min(USUAL, most)).astype(int).tolist():
        if len(chosen) < min(USUAL, most):
            chosen[place] = None
    return sorted(chosen)


def instances_of(batch: Batch, places: Sequence[int]) -> list[dict[str, Any]]:
    """These rows as instances in JSON, as the log stores them.

    Left out are rows that canonical JSON cannot hold exactly, and those beyond four million bytes.

    A field that the log does not keep in full tells nothing of a real row here either: it is missing, or where it may
    not be, its example.
    """
    signature = batch.signature
    known = [_known(field, batch.values(field.name), places) for field in signature.inputs]
    rows = Batch.from_rows(signature, list(zip(*known, strict=True)))
    open_signature = Signature(tuple(replace(field, keep="full") for field in signature.inputs), ())
    stored: list[dict[str, Any]] = msgspec.json.decode(StoredInputs(open_signature).encode(rows))
    exact = [row for row in stored if is_exact(row)]
    sizes = accumulate(len(msgspec.json.encode(row)) for row in exact)
    return [row for row, size in zip(exact, sizes, strict=True) if size <= _MOST_BYTES]


def is_exact(row: Mapping[str, Any]) -> bool:
    """Whether canonical JSON holds the row as it is: it has no whole numbers that no double equals."""
    try:
        return bool(from_canonical(canonical_json(row)) == row)
    except BundleError:
        return False


def _known(field: Field, values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    if field.keep == "full":
        return [values[place] for place in places]
    return [None if field.nullable else _example(field)] * len(places)


def _example(field: Field) -> Any:
    """The field's example as the Python value that a Batch has of it."""
    decoder = Decoder(Signature((field,), ()), max_instances=1, max_problems=1)
    return decoder.decode(msgspec.json.encode([[example_value(field)]]), None).values(field.name)[0]


def _of_answers(outputs: Mapping[str, NDArray[Any]]) -> Iterator[Mask]:
    for answered in outputs.values():
        array = np.asarray(answered)
        flat = array.reshape(len(array), math.prod(array.shape[1:]))
        for answer in flat.T[:10]:
            if answer.dtype.kind in "iufb" and np.isfinite(answer).any():
                yield answer == np.nanmin(answer)
                yield answer == np.nanmax(answer)


def _of_fields(batch: Batch) -> Iterator[Mask]:
    """Masks over the rows, those that matter most first, and of each field one in turn."""
    fields = [field for field in batch.signature.inputs if field.keep == "full"]
    for of_all in zip_longest(*(_of_field(batch, field) for field in fields)):
        yield from (mask for mask in of_all if mask is not None)


def _of_field(batch: Batch, field: Field) -> Iterator[Mask]:
    array, missing = batch.column(field.name)
    yield missing
    if field.varies:
        return
    if field.type == "category":
        codes = {name: code for code, name in enumerate(field.categories)}
        found = np.fromiter((codes.get(value, -1) for value in array.ravel()), np.int64).reshape(batch.n, -1)
        present = ~missing[:, None]
        yield ((found == -1) & present).any(axis=1)
        for code in range(len(codes)):
            yield ((found == code) & present).any(axis=1)
    elif field.type == "bool":
        for value in (True, False):
            yield (array == value).reshape(batch.n, -1).any(axis=1) & ~missing
    elif field.type in INTEGERS | FLOATS and not missing.all():
        numbers = array.reshape(batch.n, -1)
        for end in (numbers[~missing].min(), numbers[~missing].max()):
            yield (numbers == end).any(axis=1) & ~missing
