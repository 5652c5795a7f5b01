"""Pictures as the tensors that a model takes.

How its numbers stand for brightness and colours, a file says with the properties that ONNX has for it; one that says
nothing takes 0 to 255 and red, green, blue.
Source: https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import Field, channel_axis
from mlserve.tensors import Feed, changed, require_picture
from mlserve_onnx.model_file import ModelFile

# What a pixel is divided by and what is then taken away.
_RANGES: Final = {
    "": (1.0, 0.0),
    "NominalRange_0_255": (1.0, 0.0),
    "Normalized_0_1": (255.0, 0.0),
    "Normalized_1_1": (127.5, 1.0),
}
_ORDERS: Final = {"": ("Rgb8", "Gray8"), "Rgb8": ("Rgb8",), "Bgr8": ("Bgr8",), "Gray8": ("Gray8",)}
_TAKES: Final = frozenset({"uint8", "float16", "float32", "float64"})


def pixels_feed(file: ModelFile, own: Field, field: Field) -> Feed:
    """The pictures of one field as `own`, the model's tensor, takes them, its channels first or last.

    Raises SignatureError where it takes no pictures.
    """
    axis = channel_axis(own.shape)
    require_picture(own, field, axis, _TAKES)
    divisor, minus = _said(file, "Image.NominalPixelRange", _RANGES)
    reverse = _said(file, "Image.BitmapPixelFormat", _ORDERS) == ("Bgr8",)
    if own.type == "uint8" and (divisor, minus) != _RANGES[""]:
        raise SignatureError(
            f"The input {field.name!r} holds uint8, and its Image.NominalPixelRange is no range of it."
        )
    number = np.dtype(own.type).type

    def tensor(pixels: NDArray[Any]) -> NDArray[Any]:
        if reverse:
            pixels = pixels[..., ::-1]
        if axis == 0:
            pixels = np.moveaxis(pixels, -1, -3)
        numbers: NDArray[Any] = np.ascontiguousarray(pixels, number)
        return numbers if divisor == 1.0 else numbers / number(divisor) - number(minus)

    return changed(field, tensor)


def _said(file: ModelFile, name: str, known: dict[str, Any]) -> Any:
    said = file.metadata.get(name, "")
    if said not in known:
        raise SignatureError(
            f"The file's {name} is {said[:50]!r}; for an image it may be {', '.join(filter(None, known))}."
        )
    return known[said]
