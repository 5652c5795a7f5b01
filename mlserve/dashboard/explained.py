"""The explanation of one instance, ready to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlserve.dashboard import bars


@dataclass(frozen=True)
class Explained:
    """`blocks` are the classes or outputs, the answered one first; `scale` says in words what their numbers are."""

    method: str
    scale: str
    blocks: list[bars.Block]


def explained(
    explanation: bytes | msgspec.Raw | None, instance: int, inputs: Mapping[str, Any], answered: Sequence[str]
) -> Explained | None:
    """One instance of an explanation in JSON; None where there is none."""
    if explanation is None:
        return None
    value = msgspec.json.decode(explanation)
    blocks = bars.blocks(value["instances"][instance], inputs, answered)
    return Explained(value["method"], value["scale"], blocks)
