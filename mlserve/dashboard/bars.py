"""What an explanation shows: for each block the fields by the size of their contribution, with the room for a bar."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

# So many bars are shown at once; the rest is folded.
SHOWN = 10
# The width of half a picture, in the units of its drawing: a bar begins in the middle.
HALF = 100.0
# So many digits the largest contribution of a table has; the others go as far behind the point as it does.
DIGITS = 4


@dataclass(frozen=True)
class Bar:
    """One field. `contribution` is None where it was not kept, or is no number; `x` and `width` are its rectangle.

    `kept` says whether the value is there to be shown; a value that is there may be None, which is missing. `unseen`:
    it is a category that the training did not see.
    """

    field: str
    value: Any
    kept: bool
    unseen: bool
    contribution: float | None
    x: float
    width: float


@dataclass(frozen=True)
class Block:
    """One class or output (`name` None where there is one): bias + the contributions = margin.

    All are written with so many `decimals`; None where their sizes are too odd for one number of them.
    """

    name: str | None
    margin: float | None
    bias: float | None
    top: Sequence[Bar]
    rest: Sequence[Bar]
    decimals: int | None


def blocks(
    instance: Mapping[str, Any], inputs: Mapping[str, Any], answered: Sequence[str], unseen: Collection[str] = ()
) -> list[Block]:
    """The blocks of one explained instance; those named in `answered` (its labels) first, then by margin.

    `instance` is one of the explanation's instances as JSON has it, `inputs` the values that were given by field;
    `unseen` names the fields with a category that the training did not see.
    """
    found = [_block(block, inputs, unseen) for block in instance["blocks"]]
    if len(found) > 1:
        found.sort(key=lambda block: (block.name not in answered, -_size(block.margin)))
    return found


def _block(block: Mapping[str, Any], inputs: Mapping[str, Any], unseen: Collection[str]) -> Block:
    contributions = block["contributions"]
    largest = max((abs(value) for value in contributions.values() if value is not None), default=0.0)
    ordered = sorted(contributions.items(), key=lambda item: -1.0 if item[1] is None else abs(item[1]), reverse=True)
    bars = [_bar(name, value, inputs, largest, unseen) for name, value in ordered]
    return Block(
        block["name"],
        block["margin"],
        block["bias"],
        bars[:SHOWN],
        bars[SHOWN:],
        _decimals(largest, [*contributions.values(), block["margin"], block["bias"]]),
    )


def _bar(
    field: str, contribution: float | None, inputs: Mapping[str, Any], largest: float, unseen: Collection[str]
) -> Bar:
    width = 0.0 if not contribution or not largest else round(HALF * abs(contribution) / largest, 2)
    x = HALF - width if contribution is not None and contribution < 0 else HALF
    return Bar(field, inputs.get(field), field in inputs, field in unseen, contribution, round(x, 2), width)


def _decimals(largest: float, values: Iterable[float | None]) -> int | None:
    if not 1e-4 <= largest < 1e15:
        return None
    most = max(0, DIGITS - 1 - floor(log10(largest)))
    rounded = [round(value, most) for value in values if value is not None]
    return next(fewer for fewer in range(most + 1) if all(round(value, fewer) == value for value in rounded))


def _size(margin: float | None) -> float:
    return float("-inf") if margin is None else margin
