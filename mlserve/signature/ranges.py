"""The range of numbers that a field accepts, from its type and its bounds.

The fast decoder, the Colander schema and the JSON Schema all take their numbers from here.
"""

import math
from dataclasses import dataclass

import numpy as np

from mlserve.errors import SignatureError
from mlserve.signature.fields import INTEGERS, Field

FLOAT16_MAX = 65504.0
FLOAT32_MAX = 3.4028234663852886e38
FLOAT64_MAX = 1.7976931348623157e308
INTEGER_RANGES = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
FLOAT_LIMITS = {"float16": FLOAT16_MAX, "float32": FLOAT32_MAX, "float64": FLOAT64_MAX}


@dataclass(frozen=True)
class Range:
    """What the type can hold (`type_low` to `type_high`) and what the field allows (`low` to `high`), ends included."""

    type_low: float
    type_high: float
    low: float
    high: float


def range_of(field: Field) -> Range | None:
    """The range of a number field, None for any other type. Integer fields have int ends, so that int64 is exact.

    Raises SignatureError when the bounds leave no number that the type can hold.
    """
    if field.type in INTEGERS:
        type_low, type_high = INTEGER_RANGES[field.type]
        low: float = type_low if field.minimum is None else math.ceil(field.minimum)
        high: float = type_high if field.maximum is None else math.floor(field.maximum)
        found = Range(type_low, type_high, max(low, type_low), min(high, type_high))
        beyond = False
    elif field.type in FLOAT_LIMITS:
        limit = FLOAT_LIMITS[field.type]
        low = -limit if field.minimum is None else _outward(field, field.minimum, -math.inf)
        high = limit if field.maximum is None else _outward(field, field.maximum, math.inf)
        found = Range(-limit, limit, max(low, -limit), min(high, limit))
        beyond = (field.minimum or 0) > limit or (field.maximum or 0) < -limit
    else:
        return None
    if beyond or found.low > found.high:
        raise SignatureError(f"input '{field.name}': no {field.type} lies between its 'minimum' and its 'maximum'")
    return found


def inside_as_doubles(low: float, high: float) -> tuple[float, float]:
    """The smallest and the largest double between two whole numbers, which need not be doubles themselves."""
    first, last = float(low), float(high)
    return (
        math.nextafter(first, math.inf) if first < low else first,
        math.nextafter(last, -math.inf) if last > high else last,
    )


def _outward(field: Field, bound: float, towards: float) -> float:
    """The bound as the field's type can hold it, never narrower than written.

    A caller with float32 data sends 0.1 as 0.10000000149011612: a maximum of 0.1 must not refuse it.
    """
    exact = float(bound)
    if field.type == "float64":
        # A whole number above 2**53 may lie between two doubles.
        narrower = exact < bound if towards > 0 else exact > bound
        return math.nextafter(exact, towards) if narrower else exact
    type_ = np.float16 if field.type == "float16" else np.float32
    with np.errstate(over="ignore"):
        rounded = type_(exact)
        narrower = float(rounded) < bound if towards > 0 else float(rounded) > bound
        return float(np.nextafter(rounded, type_(towards)) if narrower else rounded)
