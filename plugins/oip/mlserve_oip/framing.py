"""The binary tensor extension: what stands behind the JSON of a body, and how its bytes become elements.

Little-endian, row-major, without padding. An element of BYTES is its length as uint32, and then so many bytes.
"""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import Unreadable
from mlserve_oip.datatypes import BYTES, NUMBERS

_LENGTH = struct.Struct("<I")
# More digits are no length of a body that a server takes.
_DIGITS = 18


class Malformed(Exception):
    """The bytes of a tensor are not what its datatype and its shape say; the text says what was expected and found."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


def json_length(header: str | None, body_length: int) -> int:
    """The value of `Inference-Header-Content-Length`: how many bytes of the body are JSON; all, where there is none.

    0 says that the whole body is one tensor. Raises Unreadable.
    """
    if header is None:
        return body_length
    text = header.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise Unreadable(f"Inference-Header-Content-Length is {header[:40]!r}, not a number of bytes.")
    length = int(text)
    if length > body_length:
        raise Unreadable(f"Inference-Header-Content-Length is {length}, and the body has {body_length} bytes.")
    return length


def numbers(raw: memoryview, datatype: str, shape: Sequence[int]) -> NDArray[Any]:
    """A read-only array over the bytes of a tensor. Raises Malformed."""
    dtype = NUMBERS[datatype]
    size = math.prod(shape) * dtype.itemsize
    if size != len(raw):
        raise Malformed(f"{size} bytes of {datatype} for the shape {list(shape)}", f"{len(raw)}")
    if datatype == "BOOL":
        whole = np.frombuffer(raw, np.uint8)
        if whole.size and whole.max() > 1:
            raise Malformed("bytes 0 and 1 of BOOL", str(int(whole.max())))
        return whole.view(np.bool_).reshape(shape)
    return np.frombuffer(raw, dtype).reshape(shape)


def elements(raw: memoryview, count: int) -> list[bytes]:
    """The elements of a tensor of BYTES. Raises Malformed."""
    size = len(raw)
    if count * _LENGTH.size > size:
        raise Malformed(f"{count} elements with their lengths", f"{size} bytes")
    found = []
    at = 0
    for number in range(count):
        begin = at + _LENGTH.size
        if begin > size:
            raise Malformed(f"{count} elements", f"{number} in {size} bytes")
        at = begin + _LENGTH.unpack_from(raw, at)[0]
        if at > size:
            raise Malformed(f"{at - begin} bytes of element {number}", f"{size - begin}")
        found.append(bytes(raw[begin:at]))
    if at != size:
        raise Malformed(f"{count} elements", f"{size - at} bytes more")
    return found


def framed(values: Sequence[bytes]) -> bytes:
    """The bytes of a tensor of BYTES."""
    length = _LENGTH.pack
    return b"".join(part for value in values for part in (length(len(value)), value))


def binary(datatype: str, values: NDArray[Any] | Sequence[bytes]) -> bytes:
    """The bytes of a tensor: of an array of the datatype's numbers, or of elements of BYTES."""
    if datatype == BYTES:
        return framed(list(values))
    return np.ascontiguousarray(values, NUMBERS[datatype]).tobytes()
