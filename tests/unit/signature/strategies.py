"""Hypothesis strategies: signatures, and JSON texts of values that fit a field or may not."""

import base64
import json
import math
from typing import Any

import orjson
from hypothesis import strategies as st

from mlserve.signature import Field, Signature
from mlserve.signature.fields import ANY_SIZE, FLOATS, INTEGERS
from mlserve.signature.ranges import range_of

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
NUMBER_TYPES = tuple(sorted(INTEGERS | FLOATS))

# Number literals at the edges of types, of bounds and of what a parser tells apart.
LITERALS = [
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "1.0",
    "-1",
    "1.5",
    "0.1",
    "1e2",
    "1E+2",
    "1e-2",
    "10e-1",
    "1e-400",
    "5e-324",
    "1e-45",
    "1e-46",
    "0.10000000149011612",
    "0.1000000015",
    "127",
    "128",
    "-128",
    "-129.0",
    "255.0",
    "256",
    "32767",
    "32768",
    "65504",
    "65505",
    "65519.9",
    "-65536",
    "65535.0",
    "65536",
    "4294967295",
    "4294967296",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "2147483647.0",
    "2147483648.0",
    "2147483647.5",
    "9007199254740993",
    "9007199254740993.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "9223372036854775807.0",
    "9223372036854774784.0",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709549568.0",
    "18446744073709551615.0",
    "3.4028234663852886e38",
    "3.4028235e38",
    "-3.5e38",
    "1e39",
    "340282346638528859811704183484516925440",
    "340282346638528859811704183484516925441",
    "1e308",
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "1.7976931348623159e308",
    "1e309",
    "-1e999",
    "123456789012345678901234567890.5",
]
LITERALS += ["1" + "0" * 40, "9" * 400, "9" * 4301]
OTHERS = [
    "null",
    "true",
    "false",
    '"1"',
    '""',
    '"a"',
    '"\\u0000"',
    '"\\\\u0000"',
    '"nan"',
    '"AA=="',
    '"AB=="',
    '"AA="',
    '"AA=A"',
    '"A!=="',
    '"\\u0041A=="',
    '"é"',
    "[]",
    "[[]]",
    "[[], [1]]",
    "[[1, 2], [3]]",
    '["AA==", ""]',
    '[["x"], []]',
    "{}",
    "[1]",
    "[[0.5]]",
]

bounds = st.one_of(
    st.sampled_from([0, 1, -1, 0.1, -0.1, 0.5, 100, 2**31 - 1, 2**53 + 1, -(2**53) - 1, 2**60 + 1, 16777217, 1e10]),
    st.floats(-1e12, 1e12, allow_nan=False),
)


@st.composite
def fields(draw: st.DrawFn, name: str, *, tensors: bool = True, kept: bool = True) -> Field:
    type_ = draw(st.sampled_from(["bool", *NUMBER_TYPES, "string", "category", "text", "bytes"]))
    more: dict[str, Any] = {"required": draw(st.booleans()), "nullable": draw(st.booleans())}
    if tensors and draw(st.integers(0, 4)) == 0:
        more["shape"] = tuple(draw(st.lists(st.integers(1, 3) | st.just(ANY_SIZE), min_size=1, max_size=3)))
    if type_ in NUMBER_TYPES:
        low, high = draw(st.none() | bounds), draw(st.none() | bounds)
        if low is not None and high is not None and low > high:
            low, high = high, low
        more |= {"minimum": low, "maximum": high}
    if type_ == "category":
        more["categories"] = tuple(draw(st.lists(TEXTS, min_size=1, max_size=4, unique=True)))
        more["unknown"] = draw(st.sampled_from(["refuse", "native"]))
    if not kept:
        more["keep"] = draw(st.sampled_from(["full", "hash", "omit"]))
    return Field(name, type_, **more)


@st.composite
def signatures(draw: st.DrawFn, *, tensors: bool = True, kept: bool = True) -> Signature:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    inputs = tuple(draw(fields(name, tensors=tensors, kept=kept).filter(has_values)) for name in names)
    return Signature(inputs, ())


def has_values(field: Field) -> bool:
    try:
        range_of(field)
    except Exception:
        return False
    return True


def good_literals(field: Field) -> st.SearchStrategy[str]:
    """JSON texts of values that the field accepts."""
    sizes = st.tuples(*(st.integers(0, 3) if size == ANY_SIZE else st.just(size) for size in field.shape))
    texts = sizes.flatmap(lambda shape: _good_tensors(field, shape))
    return st.just("null") | texts if field.nullable else texts


def _good_tensors(field: Field, shape: tuple[int, ...]) -> st.SearchStrategy[str]:
    if not shape:
        return _good_scalars(field)
    items = st.lists(_good_tensors(field, shape[1:]), min_size=shape[0], max_size=shape[0])
    return items.map(lambda texts: "[" + ",".join(texts) + "]")


def _good_scalars(field: Field) -> st.SearchStrategy[str]:
    if field.type == "bool":
        return st.sampled_from(["true", "false"])
    if field.type in ("string", "text"):
        return TEXTS.map(_text)
    if field.type == "bytes":
        return st.binary(max_size=5).map(lambda value: json.dumps(base64.b64encode(value).decode()))
    if field.type == "category":
        known = st.sampled_from(field.categories)
        return (known if field.unknown == "refuse" else known | TEXTS).map(_text)
    limits = range_of(field)
    assert limits is not None
    if field.type in INTEGERS:
        whole = st.integers(int(limits.low), int(limits.high))
        return whole.map(lambda value: f"{value}.0" if abs(value) < 2**53 and value % 3 == 0 else str(value))
    floats = st.floats(limits.low, limits.high, allow_nan=False, width=64).map(json.dumps)
    low, high = max(limits.low, -1e15), min(limits.high, 1e15)
    if math.ceil(low) > math.floor(high):
        return floats
    return floats | st.integers(math.ceil(low), math.floor(high)).map(str)


def _text(value: str) -> str:
    # orjson writes characters as they are, the standard library escapes them: both spellings come.
    return json.dumps(value) if len(value) % 2 else orjson.dumps(value).decode()


def any_literals(field: Field) -> st.SearchStrategy[str]:
    """JSON texts that the field accepts or not."""
    return good_literals(field) | good_literals(field) | st.sampled_from(LITERALS) | st.sampled_from(OTHERS)


@st.composite
def rows(draw: st.DrawFn, signature: Signature, *, good: bool) -> list[list[str]]:
    """The texts of one to four instances, in signature order."""
    literals = good_literals if good else any_literals
    cells = st.tuples(*(literals(field) for field in signature.inputs)).map(list)
    return draw(st.lists(cells, min_size=1, max_size=4))


def objects_text(signature: Signature, rows: list[list[str]]) -> bytes:
    return _listed(
        "{" + ",".join(f"{_text(name)}:{cell}" for name, cell in zip(signature.names, row, strict=True)) + "}"
        for row in rows
    )


def positional_text(rows: list[list[str]]) -> bytes:
    return _listed("[" + ",".join(row) + "]" for row in rows)


def columns_text(signature: Signature, rows: list[list[str]]) -> bytes:
    columns = zip(*rows, strict=True)
    pairs = (f"{_text(name)}:[{','.join(cells)}]" for name, cells in zip(signature.names, columns, strict=True))
    return ("{" + ",".join(pairs) + "}").encode()


def _listed(items: Any) -> bytes:
    return ("[" + ",".join(items) + "]").encode()
