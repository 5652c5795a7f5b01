"""A stored explanation beside what the same version says of the same inputs now. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

import msgspec

# So many differences are told; that there are more is told too.
MOST: Final = 100

Part = Literal["method", "scale", "blocks", "margin", "bias", "contribution"]


@dataclass(frozen=True, slots=True)
class ExplanationDifference:
    """One part of an explanation that is not what was stored.

    `instance` counts from 0, and `block` is the name of one of several blocks; both are None for the `method` and the
    `scale`, which are of the whole explanation. `field` is the input of a contribution.
    """

    part: Part
    instance: int | None
    block: str | None
    field: str | None
    stored: Any
    now: Any


@dataclass(frozen=True, slots=True)
class ReproducedExplanation:
    """`unknown`: it cannot be explained any more, for the `reason`; `differences` are the first `MOST`."""

    verdict: Literal["bit_equal", "differs", "unknown"]
    differences: tuple[ExplanationDifference, ...] = ()
    more: bool = False
    reason: str | None = None

    @property
    def sentence(self) -> str:
        """The verdict in words, for people."""
        if self.verdict == "unknown":
            return f"Whether its stored explanation comes out the same cannot be known: {self.reason}"
        if self.verdict == "bit_equal":
            return "Its stored explanation comes out the same."
        count = len(self.differences)
        differ = "1 value differs" if count == 1 else f"{'more than ' if self.more else ''}{count} values differ"
        return f"Its stored explanation comes out in another way now: {differ}."


class _Block(msgspec.Struct):
    name: str | None
    margin: float | None
    bias: float | None
    contributions: dict[str, float | None]


class _Instance(msgspec.Struct):
    blocks: list[_Block]


class _Explanation(msgspec.Struct):
    method: str
    scale: str
    instances: list[_Instance]


_read = msgspec.json.Decoder(_Explanation).decode


def compared_explanations(stored: bytes, now: bytes) -> ReproducedExplanation:
    """Two JSON texts of explanations of as many instances, number by number.

    A family's table may write a number in another way than it was answered, and lose the sign of a zero: neither is a
    difference. The texts of float32 are one-to-one, so that the same number is the same bits otherwise.
    """
    if stored == now:
        return ReproducedExplanation("bit_equal")
    found = tuple(islice(_differences(_read(stored), _read(now)), MOST + 1))
    return ReproducedExplanation("differs" if found else "bit_equal", found[:MOST], more=len(found) > MOST)


def _differences(stored: _Explanation, now: _Explanation) -> Iterator[ExplanationDifference]:
    if stored.method != now.method:
        yield ExplanationDifference("method", None, None, None, stored.method, now.method)
    if stored.scale != now.scale:
        yield ExplanationDifference("scale", None, None, None, stored.scale, now.scale)
    for number, (before, after) in enumerate(zip(stored.instances, now.instances, strict=True)):
        shapes = [[[block.name, *block.contributions] for block in one.blocks] for one in (before, after)]
        if shapes[0] != shapes[1]:
            yield ExplanationDifference("blocks", number, None, None, *shapes)
            continue
        for one, other in zip(before.blocks, after.blocks, strict=True):
            yield from _of_block(number, one, other)


def _of_block(number: int, stored: _Block, now: _Block) -> Iterator[ExplanationDifference]:
    if stored.margin != now.margin:
        yield ExplanationDifference("margin", number, stored.name, None, stored.margin, now.margin)
    if stored.bias != now.bias:
        yield ExplanationDifference("bias", number, stored.name, None, stored.bias, now.bias)
    for field, value in stored.contributions.items():
        if value != now.contributions[field]:
            yield ExplanationDifference("contribution", number, stored.name, field, value, now.contributions[field])
