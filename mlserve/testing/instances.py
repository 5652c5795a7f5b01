"""Instances made from a signature alone: ones that fit it, ones at its ends, and ones that break it."""

import base64
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlserve.signature import Field, Signature
from mlserve.signature.examples import example_instance
from mlserve.signature.fields import ANY_SIZE, BINARY, FLOATS, INTEGERS, TEXTS
from mlserve.signature.ranges import Range, range_of

Instance = dict[str, Any]

_TEXTS = ("", "text", "Zürich", "日本", "it's <b>", "a" * 300)
_LINES = (*_TEXTS, "one line\nand another", "a" * 5000)  # of a text, which may be of any length
_PICTURES = 5  # so many different ones are drawn
_WIDE = 5_001  # pixels: so high and wide a picture has more than the server's own limit
_MOST_ITEMS = 4  # of an array that may have any number
_SPAN = 100  # Numbers without bounds of their own are taken from -100 to 100.
_MISSING = 0.2


@dataclass(frozen=True)
class Wrong:
    """An instance that breaks the signature in one place, and how the refusal must name that place."""

    instance: Instance
    field: str
    code: str


def instances_of(signature: Signature, count: int) -> list[Instance]:
    """`count` instances that fit the signature, always the same ones: the example first, then random values.

    A nullable field is missing in every fifth of them.
    """
    chance = random.Random(1)
    made = [{field.name: _random_value(field, chance) for field in signature.inputs} for _ in range(1, count)]
    return [example_instance(signature), *made]


def instances_at_the_ends(signature: Signature) -> list[Instance]:
    """The smallest and the largest number that each field allows, all at once; texts as in the example."""
    numbers = [(field, found) for field in signature.inputs if (found := range_of(field)) is not None]
    lowest = {field.name: _filled(field, found.low) for field, found in numbers}
    highest = {field.name: _filled(field, found.high) for field, found in numbers}
    return [{**example_instance(signature), **ends} for ends in (lowest, highest)]


def instances_with_missing(signature: Signature) -> list[Instance]:
    """The example with each nullable field missing by itself, and with all of them missing; empty if none may be."""
    example = example_instance(signature)
    nullable = [field.name for field in signature.inputs if field.nullable]
    if not nullable:
        return []
    return [*({**example, name: None} for name in nullable), {**example, **dict.fromkeys(nullable)}]


def wrong_instances(signature: Signature) -> Iterator[Wrong]:
    """Every way in which one value can break the signature, for each field."""
    example = example_instance(signature)
    for field in signature.inputs:
        for value, code in _wrong_values(field):
            yield Wrong({**example, field.name: value}, field.name, code)
        if field.required:
            yield Wrong({name: value for name, value in example.items() if name != field.name}, field.name, "required")
    name = "no_field_of_this_model"
    yield Wrong({**example, name: 1}, name, "unknown_field")


def _wrong_values(field: Field) -> Iterator[tuple[Any, str]]:
    yield (1 if field.type in TEXTS | BINARY or field.type == "bool" else "1"), "type"
    yield {}, "type"
    if not field.nullable:
        yield None, "null"
    if field.nesting:
        if field.nesting[0] != ANY_SIZE:
            yield [], "shape"
        return  # The elements of a tensor are checked as single values are.
    if field.type in INTEGERS:
        yield 0.5, "type"
    if field.type in INTEGERS | FLOATS:
        yield True, "type"
    if field.type == "category" and field.unknown == "refuse":
        yield "".join((*field.categories, "?")), "category"
    if field.type in ("string", "text"):
        yield "a\0b", "nul"
    if field.type in BINARY:
        yield "AAA", "base64"
        yield "AA-A", "base64"
    if field.type == "image":
        yield "bm8gcGljdHVyZQ==", "image"
        yield _png(_WIDE, _WIDE, b""), "pixels"  # Its header is enough.
    if (found := range_of(field)) is not None:
        yield from _beyond(field, found)


def _beyond(field: Field, found: Range) -> Iterator[tuple[Any, str]]:
    """Numbers outside the bounds, and outside the type; beyond a float64 there is no JSON number to send."""
    if field.type != "float64":
        yield found.type_high * 2, "overflow"
        yield (found.type_low * 2 or -1), "overflow"
    step = 1 if field.type in INTEGERS else max(1.0, abs(found.high) / 1000, abs(found.low) / 1000)
    if found.high + step <= found.type_high:
        yield found.high + step, "range"
    if found.low - step >= found.type_low:
        yield found.low - step, "range"


def _random_value(field: Field, chance: random.Random) -> Any:
    if field.nullable and chance.random() < _MISSING:
        return None
    return _shaped(field, _maker(field, chance))


def _maker(field: Field, chance: random.Random) -> Callable[[], Any]:
    if field.type == "bool":
        return lambda: chance.random() < 0.5
    if field.type in TEXTS:
        texts = _LINES if field.type == "text" else _TEXTS
        return lambda: chance.choice(field.categories or texts)
    if field.type == "bytes":
        return lambda: base64.b64encode(chance.randbytes(chance.randint(0, 20))).decode()
    if field.type == "image":
        return lambda: _picture(chance.randint(1, _PICTURES))
    found = range_of(field)
    assert found is not None  # All other types are numbers.
    low = max(found.low, min(-_SPAN, found.high - _SPAN))
    high = min(found.high, max(_SPAN, found.low + _SPAN))
    if field.type in INTEGERS:
        return lambda: chance.randint(int(low), int(high))
    number: Any = {"float16": np.float16, "float32": np.float32}.get(field.type, float)
    return lambda: min(max(float(number(chance.uniform(low, high))), found.low), found.high)


def _filled(field: Field, value: Any) -> Any:
    return _shaped(field, lambda: value)


def _shaped(field: Field, make: Callable[[], Any]) -> Any:
    """One value by `make`, or nested lists of the field's shape; a size that may be any goes by the field's name."""
    sizes = [
        (len(field.name) + axis) % _MOST_ITEMS + 1 if size == ANY_SIZE else size
        for axis, size in enumerate(field.nesting)
    ]

    def nested(depth: int) -> Any:
        return make() if depth == len(sizes) else [nested(depth + 1) for _ in range(sizes[depth])]

    return nested(0)


def _picture(number: int) -> str:
    """The base64 of a small picture of noise, a different one for each number."""
    width, height, noise = 2 + number, 3 + number, random.Random(number)
    return _png(width, height, b"".join(b"\0" + noise.randbytes(3 * width) for _ in range(height)))


def _png(width: int, height: int, rows: bytes) -> str:
    """The base64 of a PNG in RGB (RFC 2083), made without Pillow, which not every plugin needs."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()
