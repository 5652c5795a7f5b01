"""Long lists of values for `IN (…)`, in pieces."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Value = TypeVar("Value")

# How many values one statement asks for: well under SQLite's limit of bound values.
_SIZE = 500


def in_chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), _SIZE):
        yield values[start : start + _SIZE]
