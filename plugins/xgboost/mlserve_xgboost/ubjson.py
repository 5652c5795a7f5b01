"""Reads the part of Universal Binary JSON that XGBoost writes, and nothing beyond it.

Source: the UBJSON draft 12 grammar as XGBoost's `UBJReader` speaks it: lengths and counts are always 64-bit (`L`),
numbers are big-endian, and an array is plain, counted (`[#`) or typed and counted (`[$t#`). The library itself trusts
counts and markers and can crash on a damaged file, so every count is checked here against the bytes that are left.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np

MAX_DEPTH: Final = 64

_LAYOUTS: Final = {"i": "b", "U": "B", "I": "h", "l": "i", "L": "q", "d": "f", "D": "d"}
_NUMBERS: Final = {ord(marker): struct.Struct(f">{code}") for marker, code in _LAYOUTS.items()}
_ARRAYS: Final = {ord(marker): np.dtype(code).newbyteorder(">") for marker, code in _LAYOUTS.items()}
_CONSTANTS: Final[dict[int, bool | None]] = {ord("Z"): None, ord("T"): True, ord("F"): False}


def loads(data: bytes) -> Any:
    """Decode one document; numeric arrays come as NumPy arrays. Raises ValueError for anything else."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise ValueError(f"there are {len(data) - reader.at} bytes after its end")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def value(self, depth: int) -> Any:
        marker = self.byte()
        if marker in _NUMBERS:
            return self.number(marker)
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if depth >= MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
        reader: Callable[[int], Any] | None = {ord("{"): self.object, ord("["): self.array}.get(marker)
        if reader is not None:
            return reader(depth + 1)
        if marker == ord("S"):
            return self.text()
        raise ValueError(f"byte {self.at - 1} is not a marker that XGBoost writes")

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.peek() != ord("}"):
            key = self.text()
            if key in found:
                raise ValueError(f"the key {key!r} is there twice")
            found[key] = self.value(depth)
        self.at += 1
        return found

    def array(self, depth: int) -> Any:
        marker = self.peek()
        if marker == ord("$"):
            self.at += 1
            return self.typed_array(self.byte())
        if marker == ord("#"):
            self.at += 1
            return [self.value(depth) for _ in range(self.count(1))]
        items = []
        while self.peek() != ord("]"):
            items.append(self.value(depth))
        self.at += 1
        return items

    def typed_array(self, marker: int) -> np.ndarray:
        dtype = _ARRAYS.get(marker)
        if dtype is None or self.byte() != ord("#"):
            raise ValueError(f"the array at byte {self.at - 1} has no element type that XGBoost writes")
        size = self.count(dtype.itemsize)
        array = np.frombuffer(self.data, dtype, size, self.at)
        self.at += size * dtype.itemsize
        return array.astype(dtype.newbyteorder("="))

    def text(self) -> str:
        size = self.count(1)
        self.at += size
        return self.data[self.at - size : self.at].decode("utf-8")

    def count(self, itemsize: int) -> int:
        """A 64-bit length whose items are all there."""
        if self.byte() != ord("L"):
            raise ValueError(f"the length at byte {self.at - 1} is not a 64-bit one")
        size = int(self.number(ord("L")))
        if not 0 <= size <= (len(self.data) - self.at) // itemsize:
            raise ValueError("it is cut short or damaged: a length is greater than what is left of the file")
        return size

    def number(self, marker: int) -> int | float:
        layout = _NUMBERS[marker]
        if self.at + layout.size > len(self.data):
            raise ValueError("it is cut short")
        (value,) = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return value  # type: ignore[no-any-return]

    def byte(self) -> int:
        value = self.peek()
        self.at += 1
        return value

    def peek(self) -> int:
        if self.at >= len(self.data):
            raise ValueError("it is cut short")
        return self.data[self.at]
