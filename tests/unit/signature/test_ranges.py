import math

import numpy as np
import pytest

from mlserve.errors import SignatureError
from mlserve.signature import Decoder, Field, Signature
from mlserve.signature.ranges import FLOAT32_MAX, inside_as_doubles, range_of


def ends(field: Field) -> tuple[float, float]:
    found = range_of(field)
    assert found is not None
    return found.low, found.high


def test_types_without_bounds() -> None:
    assert ends(Field("x", "int64")) == (-(2**63), 2**63 - 1)
    assert ends(Field("x", "int32")) == (-(2**31), 2**31 - 1)
    assert ends(Field("x", "float32")) == (-float(np.finfo(np.float32).max), FLOAT32_MAX)
    assert range_of(Field("x", "bool")) is None


def test_whole_numbers_lie_inside_fractional_bounds() -> None:
    assert ends(Field("x", "int32", minimum=-1.5, maximum=1.5)) == (-1, 1)


def test_float_bounds_are_rounded_outwards() -> None:
    low, high = ends(Field("x", "float32", minimum=0.1, maximum=0.7))
    assert low == float(np.nextafter(np.float32(0.1), np.float32(0)))  # float32(0.1) is above 0.1.
    assert high == float(np.nextafter(np.float32(0.7), np.float32(1)))  # float32(0.7) is below 0.7.
    assert ends(Field("x", "float64", minimum=0.1, maximum=0.7)) == (0.1, 0.7)
    low, high = ends(Field("x", "float64", minimum=-(2**53) - 1, maximum=2**53 + 1))
    assert low <= -(2**53) - 1
    assert high >= 2**53 + 1


def test_bounds_beyond_the_type_are_the_types() -> None:
    assert ends(Field("x", "float32", minimum=-1e300, maximum=10**300)) == (-FLOAT32_MAX, FLOAT32_MAX)
    assert ends(Field("x", "int32", maximum=1e300)) == (-(2**31), 2**31 - 1)


@pytest.mark.parametrize(
    "field",
    [
        Field("x", "int32", minimum=1.2, maximum=1.8),
        Field("x", "int32", minimum=2**40),
        Field("x", "float32", minimum=1e300),
    ],
)
def test_bounds_that_leave_nothing(field: Field) -> None:
    with pytest.raises(SignatureError, match="'x'"):
        range_of(field)


def test_doubles_inside_whole_bounds() -> None:
    assert inside_as_doubles(-(2**63), 2**63 - 1) == (-(2.0**63), math.nextafter(2.0**63, 0))
    low, high = inside_as_doubles(2**53 + 1, 2**60 + 1)
    assert (low, high) == (2.0**53 + 2, 2.0**60)
    assert inside_as_doubles(-(2**60) - 1, -(2**53) - 1) == (-(2.0**60), -(2.0**53) - 2)


@pytest.mark.parametrize(
    ("literal", "accepted"),
    [
        ("9223372036854775807", True),
        ("9223372036854774784.0", True),
        ("9223372036854775807.0", False),  # As a double it is 2**63.
        ("9223372036854775808", False),
        ("-9223372036854775808.0", True),
        ("-9223372036854775809", False),
    ],
)
def test_the_fast_decoder_knows_the_edges_of_int64(literal: str, accepted: bool) -> None:
    signature = Signature((Field("x", "int64"),), ())
    decoder = Decoder(signature, max_instances=1, max_problems=1, count_fallback=pytest.fail)
    text = f"[[{literal}]]".encode()
    if accepted:
        assert decoder.decode(text, None).values("x") == [int(literal.removesuffix(".0"))]
    else:
        with pytest.raises(Exception, match="signature"):
            decoder.decode(text, None)
