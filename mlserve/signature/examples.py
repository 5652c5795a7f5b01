"""An instance that a model accepts as it stands: what forms begin with, and what the OpenAPI document shows."""

import math
from typing import Any

from mlserve.signature.fields import ANY_SIZE, INTEGERS, TEXTS, Field, Signature

# So many items has an array that may have any number.
_SOME = 2
# A PNG of one white pixel.
_PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="


def example_instance(signature: Signature) -> dict[str, Any]:
    """A JSON value for each input, by name."""
    return {field.name: example_value(field) for field in signature.inputs}


def example_value(field: Field) -> Any:
    """A JSON value that the field accepts: its own example, else its first category or a value within its bounds."""
    if field.example is not None:
        return field.example
    value = _plain(field)
    for size in reversed(field.nesting):
        value = [value] * (_SOME if size == ANY_SIZE else size)
    return value


def _plain(field: Field) -> Any:
    """One value, whatever the field's shape: a number is 0 where the bounds have it, else the bound next to it."""
    if field.type == "image":
        return _PICTURE
    if field.type == "bytes":
        return "Ynl0ZXM="
    if field.type in TEXTS:
        return field.categories[0] if field.categories else "text"
    if field.type == "bool":
        return False
    low, high = field.minimum, field.maximum
    if low is not None and low > 0:
        return math.ceil(low) if field.type in INTEGERS else low
    if high is not None and high < 0:
        return math.floor(high) if field.type in INTEGERS else high
    return 0
