"""Picture: the value of an image field."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Picture:
    """An image as it came and as it is seen. Immutable; two are equal when their files are.

    `raw` is the file's bytes, `pixels` a uint8 array (height, width, channels) that cannot be written to.
    """

    __slots__ = ("pixels", "raw")

    def __init__(self, raw: bytes, pixels: NDArray[np.uint8]) -> None:
        pixels.flags.writeable = False
        self.raw = raw
        self.pixels = pixels

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Picture) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"<Picture of {len(self.raw)} bytes, {' × '.join(map(str, self.pixels.shape))}>"
