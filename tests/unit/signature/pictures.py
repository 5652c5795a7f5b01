"""Builders of picture files."""

import base64
import io
from typing import Any

from PIL import Image


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.effect_noise((width, height), 80).convert(mode)


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
