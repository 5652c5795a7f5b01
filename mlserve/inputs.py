"""The inputs of large predictions, for people who read table `predictions` themselves: its columns `inputs_block` and
`encoding`. Needs neither an INI nor a server.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlserve.signature.blocks import Damaged, block_json, read_block
from mlserve.signature.blocks.reader import Block

__all__ = ["Damaged", "read_columns", "read_inputs"]


def read_inputs(block: bytes, encoding: str) -> list[dict[str, Any]]:
    """The instances of a block, one dict by field name each: the very values that JSON in column `inputs` would hold.

    Raises Damaged, a ValueError, for what is no block of that encoding, or has more than 512 MiB of JSON, and where the
    columns are NULL.
    """
    found: list[dict[str, Any]] = msgspec.json.decode(block_json(_read(block, encoding)))
    return found


def read_columns(block: bytes, encoding: str) -> dict[str, tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Each field's array, the n instances on its first axis, and its mask (n,), True where the value is missing.

    Numbers and truth values come in the field's own type; texts, categories and bytes as an object array, of pictures
    their files, of hashed fields "sha256:" and the hex digest. Where the mask is True the array holds NaN, 0, False or
    None. Where the instances' sizes differ it is an object array of arrays. The arrays may be read-only.

    Raises Damaged, a ValueError.
    """
    return {column.head.name: column.column() for column in _read(block, encoding).fields}


def _read(block: Any, encoding: Any) -> Block:
    """The block, from what a driver gives for the two columns. Raises Damaged."""
    if block is None and encoding is None:
        raise Damaged("This prediction has no block: its inputs are JSON, in column inputs.")
    if not isinstance(block, bytes | bytearray | memoryview) or not isinstance(encoding, str):
        raise Damaged("This is no block with its encoding: give the columns inputs_block and encoding, in this order.")
    return read_block(bytes(block), encoding)
