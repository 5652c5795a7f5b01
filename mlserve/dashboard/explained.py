"""The explanation of one instance, ready to be drawn."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlserve.dashboard import bars, present


@dataclass(frozen=True)
class Explained:
    """`blocks` are the classes or outputs, the answered one first, without the last `more` of them.

    `scale` says in words what their numbers are.
    """

    method: str
    scale: str
    blocks: list[bars.Block]
    more: int


def explained(
    explanation: bytes | msgspec.Raw | None,
    instance: int,
    inputs: Mapping[str, Any],
    answered: Sequence[str],
    unseen: Collection[str] = (),
) -> Explained | None:
    """One instance of an explanation in JSON; None where there is none. `unseen` as in bars.blocks."""
    if explanation is None:
        return None
    value = msgspec.json.decode(explanation)
    blocks = bars.blocks(value["instances"][instance], inputs, answered, unseen)
    shown = blocks[: present.CLASSES]
    return Explained(value["method"], value["scale"], shown, len(blocks) - len(shown))
