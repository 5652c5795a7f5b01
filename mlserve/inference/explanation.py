"""Explanation: how much each input moved each answer, from what the model says before it looks at any; and its JSON."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mlserve.signature import Signature
from mlserve.signature.texts import ArrayTemplate, array_json, flat_texts


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a family says of a Batch of `n` instances; `blocks` are the classes or outputs that it explains.

    `contributions` follow the order of `signature.inputs`; `bias` and all contributions of a block add up to its
    `margin`, up to rounding. `blocks` is `(None,)` where there is only one. `method` names how it was computed, such as
    "treeshap"; `scale` says in words what `margin` is, such as "log-odds of late".
    """

    method: str
    scale: str
    blocks: tuple[str | None, ...]
    contributions: NDArray[np.float32]  # (n, blocks, inputs)
    bias: NDArray[np.float32]  # (n, blocks)
    margin: NDArray[np.float32]  # (n, blocks)

    def misshapen(self, n: int, inputs: int) -> str | None:
        """What is wrong with the arrays' shapes for `n` instances of so many inputs, in words; None if nothing is."""
        blocks = len(self.blocks)
        wanted = {"contributions": (n, blocks, inputs), "bias": (n, blocks), "margin": (n, blocks)}
        for name, shape in wanted.items():
            found = np.shape(getattr(self, name))
            if found != shape:
                return f"the shape of {name} is {found}, not {shape}"
        return None


def explanation_json(explanation: Explanation, signature: Signature, hidden: Collection[str] = ()) -> bytes:
    """The JSON text of an Explanation, by instance, block and field; null stands for the contributions of `hidden`.

    Numbers are the shortest text that round-trips in float32; one that JSON cannot write (NaN or infinite) is null.
    """
    names = signature.positions
    numbers = np.concatenate(
        [
            np.asarray(explanation.margin, np.float32)[..., None],
            np.asarray(explanation.bias, np.float32)[..., None],
            np.asarray(explanation.contributions, np.float32),
        ],
        axis=2,
    )
    for name in hidden:
        numbers[:, :, 2 + names[name]] = np.nan
    head = orjson.dumps({"method": explanation.method, "scale": explanation.scale})[:-1]
    blocks = [orjson.dumps(name) for name in explanation.blocks]
    return head + b',"instances":[' + b",".join(_instances(numbers, blocks, list(names))) + b"]}"


def _instances(numbers: NDArray[np.float32], blocks: list[bytes], fields: list[str]) -> list[bytes]:
    n, count, width = numbers.shape
    if not n or not count:
        return [b'{"blocks":[]}'] * n
    template = ArrayTemplate([("name", ()), ("margin", ()), ("bias", ()), ("contributions", fields)])
    texts = flat_texts(array_json(np.ascontiguousarray(numbers)))
    instances = []
    for start in range(0, len(texts), count * width):
        cells: list[Any] = []
        for place, name in enumerate(blocks):
            first = start + place * width
            cells += [name, *texts[first : first + width]]
        instances.append(b'{"blocks":' + template.fill(cells) + b"}")
    return instances
