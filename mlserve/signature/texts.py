"""JSON texts of many values at once: one call of orjson, then a split, instead of a Python object for each value."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Texts = list[bytes]


def number_texts(values: Sequence[Any]) -> Texts:
    """The texts of numbers, truth values and None; floats as the shortest text of a double."""
    return orjson.dumps(values)[1:-1].split(b",")


def array_json(array: NDArray[Any]) -> bytes:
    """The JSON text of an array in C order: each number the shortest text that round-trips in the array's type.

    NaN and infinities are `null`.
    """
    if array.dtype == np.float16:
        # orjson would write the digits of a float32.
        array = np.fromiter(map(_half_as_written, array.view(np.uint16).ravel().tolist()), np.float64).reshape(
            array.shape
        )
    return orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)


@lru_cache(2**16)
def _half_as_written(bits: int) -> float:
    """The double that is written as the shortest text of a float16: 0.1, not 0.0999755859375."""
    return float(str(np.uint16(bits).view(np.float16)))


def flat_texts(json: bytes) -> Texts:
    """The texts of all numbers in the JSON of an array."""
    return json.replace(b"[", b"").replace(b"]", b"").split(b",")


def item_texts(json: bytes, nested: int) -> Texts:
    """The texts of the items in the JSON of an array: numbers, or arrays nested that deep."""
    if nested == 0:
        return json[1:-1].split(b",")
    ending, beginning = b"]" * nested, b"[" * nested
    # Between two items, and nowhere else, that many brackets close and open again.
    return [beginning + item + ending for item in json[nested + 1 : -nested - 1].split(ending + b"," + beginning)]


class ArrayTemplate:
    """A JSON array of objects with the same keys, to be filled with the texts of their values.

    `entries` are the values' places in one object: a key, or a key with the keys of a nested object.
    """

    def __init__(self, entries: Sequence[tuple[str, Sequence[str]]]) -> None:
        self.width = sum(len(nested) or 1 for _, nested in entries)
        self._object = b"{" + b",".join(_entry(key, nested) for key, nested in entries) + b"}"
        self._single = b"[" + self._object + b"]"

    def fill(self, texts: Sequence[bytes]) -> bytes:
        """The array of the objects whose values' texts are in `texts`, one object after the other."""
        if len(texts) == self.width:
            return self._single % tuple(texts)
        count = len(texts) // self.width
        return (b"[" + b",".join([self._object] * count) + b"]") % tuple(texts)

    def empty(self, count: int) -> bytes:
        """The array of `count` objects of a template without values."""
        return b"[" + b",".join([b"{}"] * count) + b"]"


def _entry(key: str, nested: Sequence[str]) -> bytes:
    value = b"{" + b",".join(_entry(name, ()) for name in nested) + b"}" if nested else b"%b"
    return orjson.dumps(key).replace(b"%", b"%%") + b":" + value
