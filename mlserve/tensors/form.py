"""What one instance of a tensor model is, by the first axes of its tensors.

rows   every tensor has a first axis of any size, the same for all: a Batch is one run
one    every tensor has a first axis of size 1: an instance is what is inside it, and a run of its own
whole  anything else: an instance is all the tensors, and a run of its own
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from mlserve.errors import SignatureError
from mlserve.signature.fields import ANY_SIZE

Mode = Literal["rows", "one", "whole"]
# The types that a tensor's elements may have.
NumberOrText = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "string",
]  # fmt: skip

# What an instance is, in words.
INSTANCES: Final[Mapping[Mode, str]] = {
    "rows": "one row of every tensor, any number of them at once",
    "one": "what is inside the first axis, one at a time",
    "whole": "all the tensors, one at a time",
}
MOST_NUMBERS: Final = 100_000_000  # in one tensor of one instance


def inside(name: str, shape: Sequence[object], mode: Mode) -> tuple[int, ...]:
    """The shape of one instance of the tensor `name`; what has no fixed size, or none at all, may have any: -1.

    Raises SignatureError for more than MOST_NUMBERS numbers.
    """
    sizes = shape if mode == "whole" else shape[1:]
    found = tuple(size if isinstance(size, int) and size > 0 else ANY_SIZE for size in sizes)
    numbers = 1
    for size in found:
        numbers *= abs(size)
    if numbers > MOST_NUMBERS:
        raise SignatureError(f"The tensor {name!r} has {numbers} numbers, more than {MOST_NUMBERS}.")
    return found
