"""From a block back to the JSON text that the log would have kept instead of it."""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mlserve.signature.blocks.layout import LARGEST, Damaged
from mlserve.signature.blocks.reader import Block, StoredColumn
from mlserve.signature.digests import base64_json
from mlserve.signature.fields import BINARY, TEXTS
from mlserve.signature.texts import ArrayTemplate, Texts, array_json, item_texts

# The longest text of a number, with its comma. What is larger in Python's form is no text of these.
_WIDEST = {1: 5, 2: 12, 4: 16, 8: 25}
_ESCAPED = 6  # \u001f
_AROUND = 72  # of a text its quotes, of a digest all of it


def block_json(block: Block) -> bytes:
    """The JSON text, to the letter that of `StoredInputs.encode`. Raises Damaged."""
    size = sum(map(_most_bytes, block.fields))
    if size > LARGEST:
        raise Damaged(f"its inputs could be {size:,} bytes of JSON, and at most {LARGEST:,} are made; read its columns")
    template = ArrayTemplate([(column.head.name, ()) for column in block.fields])
    texts: Texts = [b""] * (block.n * template.width)
    for slot, column in enumerate(block.fields):
        texts[slot :: template.width] = _texts(column)
    return template.fill(texts)


def _most_bytes(column: StoredColumn) -> int:
    """How many bytes a column's texts and keys could take."""
    size = column.n * (len(orjson.dumps(column.head.name)) + _AROUND)
    if column.sizes is not None:  # Each nested array has its brackets, an empty one too.
        size += 3 * int(column.sizes.cumprod(axis=1).sum())
    if column.head.keep == "hash":
        return size
    if column.offsets is not None or column.head.categories is not None:
        return size + int(column.item_sizes().sum()) * _ESCAPED + column.count * 3
    return size + column.count * _WIDEST[column.values.dtype.itemsize]


def _texts(column: StoredColumn) -> Texts:
    array, mask = column.column()
    if column.head.keep == "hash" or column.head.type in TEXTS:
        return [orjson.dumps(value) for value in _plain(array)]
    if column.head.type in BINARY:
        return [base64_json(value) for value in _plain(array)]
    if column.varies:
        return [b"null" if value is None else array_json(np.ascontiguousarray(value)) for value in array]
    texts = item_texts(array_json(np.ascontiguousarray(array)), column.depth)
    for at in np.flatnonzero(mask).tolist():
        texts[at] = b"null"
    return texts


def _plain(array: NDArray[Any]) -> list[Any]:
    """Texts or bytes, or nested lists of them; None is missing."""
    if array.ndim == 1:
        return [value.tolist() if isinstance(value, np.ndarray) else value for value in array]
    missing = array.reshape(len(array), -1)[:, 0]
    return [None if first is None else value.tolist() for first, value in zip(missing, array, strict=True)]
