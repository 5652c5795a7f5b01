"""The layout of a block: a header of JSON, and the buffers of the columns behind it."""

import struct
from typing import Any

import msgspec
import numpy as np

from mlserve.signature.batch import DTYPES
from mlserve.signature.fields import NUMBERS, FieldType, Keep

# The names of the encodings; what else there may be is of a newer version.
PLAIN = "columns-1"
DEFLATED = "columns-1+zlib"

# Nothing larger is unpacked.
LARGEST = 1 << 29
# Nothing larger is written: the spool's largest record is a byte less than LARGEST, and has four letters for each three
# bytes of a block (base64).
LARGEST_WRITTEN = (LARGEST - 1) // 4 * 3
ALIGNMENT = 8
LENGTH = struct.Struct("<I")  # of the header, in front of it

DIGEST_SIZE = 32


class Damaged(ValueError):
    """A block is not what its encoding says; `str()` is a sentence about it."""


class FieldHead(msgspec.Struct, omit_defaults=True, gc=False):
    """What the header says of one field. `buffers` are the sizes in bytes of its buffers, in their order."""

    name: str
    type: FieldType
    shape: tuple[int, ...] = ()
    keep: Keep = "full"
    categories: tuple[str, ...] | None = None
    buffers: dict[str, int] = {}

    @property
    def nesting(self) -> tuple[int, ...]:
        """The shape of one value in the block: a picture is a file, and a hashed value a digest."""
        return () if self.type == "image" or self.keep == "hash" else self.shape


class Head(msgspec.Struct, gc=False):
    """The header of a block of `n` instances. Its fields are those of the signature, in their order."""

    n: int
    fields: list[FieldHead]


def padding(size: int) -> int:
    """How many zero bytes follow so many bytes, so that the next buffer begins at a multiple of eight."""
    return -size % ALIGNMENT


LITTLE: dict[str, np.dtype[Any]] = {name: np.dtype(DTYPES[name]).newbyteorder("<") for name in NUMBERS}


def code_type(categories: int) -> np.dtype[Any]:
    """The type of the codes of so many categories."""
    return np.dtype("u1" if categories <= 1 << 8 else "<u2" if categories <= 1 << 16 else "<u4")
