"""Instances made from a signature alone: ones that fit it, ones at its ends, and ones that break it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlserve.signature import Field, Signature
from mlserve.signature.examples import example_instance
from mlserve.signature.fields import INTEGERS, TEXTS
from mlserve.signature.ranges import Range, range_of

Instance = dict[str, Any]

_TEXTS = ("", "text", "Zürich", "日本", "it's <b>", "a" * 300)
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
    yield (1 if field.type in TEXTS or field.type == "bool" else "1"), "type"
    yield {}, "type"
    if not field.nullable:
        yield None, "null"
    if field.shape:
        yield [], "shape"
        return  # The elements of a tensor are checked as single values are.
    if field.type in INTEGERS:
        yield 0.5, "type"
    if field.type not in TEXTS and field.type != "bool":
        yield True, "type"
    if field.type == "category" and field.unknown == "refuse":
        yield "".join((*field.categories, "?")), "category"
    if field.type == "string":
        yield "a\0b", "nul"
    if (found := range_of(field)) is not None:
        yield from _beyond(field, found)


def _beyond(field: Field, found: Range) -> Iterator[tuple[Any, str]]:
    """Numbers outside the bounds, and outside the type; beyond a float64 there is no JSON number to send."""
    if field.type != "float64":
        yield found.type_high * 2, "overflow"
        yield found.type_low * 2, "overflow"
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
        return lambda: chance.choice(field.categories or _TEXTS)
    found = range_of(field)
    assert found is not None  # All other types are numbers.
    low = max(found.low, min(-_SPAN, found.high - _SPAN))
    high = min(found.high, max(_SPAN, found.low + _SPAN))
    if field.type in INTEGERS:
        return lambda: chance.randint(int(low), int(high))
    number = np.float32 if field.type == "float32" else float
    return lambda: min(max(float(number(chance.uniform(low, high))), found.low), found.high)


def _filled(field: Field, value: Any) -> Any:
    return _shaped(field, lambda: value)


def _shaped(field: Field, make: Callable[[], Any]) -> Any:
    """One value by `make`, or nested lists of the field's shape."""

    def nested(depth: int) -> Any:
        return make() if depth == len(field.shape) else [nested(depth + 1) for _ in range(field.shape[depth])]

    return nested(0)
