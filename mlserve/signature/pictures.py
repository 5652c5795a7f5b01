"""From the files of image fields to pixels, by Pillow, which is imported where a signature has an image.

Files come from anybody. Only five formats are read, none of which needs another program, and the size that a file's
header names is looked at before its pixels are.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature.faults import Fault, LimitReached, Problems, Step
from mlserve.signature.fields import Field, Signature
from mlserve.signature.packing import Row
from mlserve.signature.picture import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
EXPECTED = "a picture: a JPEG, PNG, WebP, GIF or BMP file"

Path = Callable[[int, str], tuple[Step, ...]]  # of the field of an instance


def pictures_of(signature: Signature, max_pixels: int | None) -> "Pictures | None":
    """What opens the pictures of a signature; None where it has no image. Raises SignatureError without Pillow."""
    fields = [field for field in signature.inputs if field.type == "image"]
    if not fields:
        return None
    try:
        from PIL import WebPImagePlugin  # noqa: F401  (Pillow itself loads the other formats.)
    except ImportError as error:
        raise SignatureError(
            f"input '{fields[0].name}' is an image, and reading pictures needs Pillow: "
            "pip install 'pyramid-mlserve[images]'"
        ) from error
    return Pictures(signature, fields, max_pixels)


class Unopened(Exception):
    """A file cannot be opened as a picture; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.expected)
        self.fault = fault


class Pictures:
    """Opens the image fields of one signature; at most `max_pixels` pixels in the files of one request together."""

    def __init__(self, signature: Signature, fields: Sequence[Field], max_pixels: int | None) -> None:
        self.fields = fields
        self.positions = {field.name: signature.positions[field.name] for field in fields}
        self.max_pixels = max_pixels

    def in_rows(self, rows: Sequence[Row], max_problems: int, path: Path) -> Sequence[Row]:
        """The rows with a Picture for each file's bytes. Raises Invalid, naming each file that is none."""
        files = {name: [row[position] for row in rows] for name, position in self.positions.items()}
        found = self._found(files, max_problems, path)
        opened = [list(row) for row in rows]
        for name, position in self.positions.items():
            for row, picture in zip(opened, found[name], strict=True):
                row[position] = picture
        return opened

    def in_columns(self, columns: Mapping[str, Sequence[Any]], max_problems: int) -> dict[str, Any]:
        """The same of columns."""
        files = {name: columns[name] for name in self.positions}
        found = self._found(files, max_problems, lambda index, name: ("columns", name, index))
        return {**columns, **found}

    def _found(
        self, files: Mapping[str, Sequence[bytes | None]], max_problems: int, path: Path
    ) -> dict[str, list[Picture | None]]:
        problems = Problems(max_problems)
        budget = _Budget(self.max_pixels)
        found: dict[str, list[Picture | None]] = {field.name: [] for field in self.fields}
        try:
            for field in self.fields:
                for index, raw in enumerate(files[field.name]):
                    picture = None
                    try:
                        picture = None if raw is None else _opened(field, raw, budget)
                    except Unopened as error:
                        problems.add(error.fault, path(index, field.name), index, field.name)
                    found[field.name].append(picture)
        except LimitReached:
            pass
        if problems.listed:
            raise problems.invalid()
        return found


class _Budget:
    """How many pixels the pictures of one request may still have."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self._left = most

    def spend(self, width: int, height: int) -> None:
        """Raises Unopened where they are too many. What was refused is not spent."""
        if self._left is None:
            return
        if width * height > self._left:
            raise Unopened(self.exceeded(f"{width} × {height} pixels"))
        self._left -= width * height

    def exceeded(self, got: str) -> Fault:
        most = "fewer" if self.most is None else f"at most {self.most:,}"
        return Fault("pixels", f"pictures of {most} pixels in one request, all together", got)


def _opened(field: Field, raw: bytes, budget: _Budget) -> Picture:
    """The Picture of a file, in the field's shape."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
        budget.spend(*image.size)
        return Picture(raw, _pixels(image, field.shape))
    except Unopened:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unopened(budget.exceeded("more")) from error  # Pillow's own limit, of 90 million.
    except Exception as error:
        # A damaged file makes Pillow raise almost anything.
        raise Unopened(Fault("image", EXPECTED, f"{len(raw):,} bytes that are none, or damaged")) from error


def _pixels(image: "Image", shape: Sequence[int]) -> NDArray[np.uint8]:
    """The first frame as it is meant to be seen, as uint8 (height, width, channels)."""
    from PIL import Image

    image.load()
    turn = _turn(image)
    seen = _converted(image, "L" if shape and shape[2] == 1 else "RGB")
    if turn is not None:
        seen = seen.transpose(turn)
    if shape and seen.size != (shape[1], shape[0]):
        seen = seen.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.array(seen, np.uint8).reshape(seen.height, seen.width, -1)


def _converted(image: "Image", mode: str) -> "Image":
    if image.mode.startswith("I"):
        # Grey in 16 bits, which Pillow would cut off at 255 instead of dividing.
        from PIL import Image

        image = Image.fromarray((np.asarray(image).clip(0, 2**16 - 1) >> 8).astype(np.uint8))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # What Pillow asks for, by a warning.
    return image if image.mode == mode else image.convert(mode)


def _turn(image: "Image") -> Any:
    """How the camera was held: what Pillow must do with the pixels. A damaged note about it is no note."""
    from PIL import ExifTags, Image

    turns = (
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.ROTATE_180,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.ROTATE_270,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_90,
    )
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return None
    return turns[orientation - 2] if isinstance(orientation, int) and 2 <= orientation <= 8 else None
