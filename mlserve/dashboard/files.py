"""Files in pages: what a file input holds, and the kept files that a prediction's page shows."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlserve.predictions.multipart import is_file
from mlserve.predictions.record import PredictionRecord
from mlserve.signature import Field, Signature

OCTETS = "application/octet-stream"
# A file whose base64 is longer is not written into the form again: it must be chosen again.
HELD = 1_000_000

_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
PICTURES = (*_STARTS.values(), "image/webp")
_LONGEST_START = 16  # in characters of base64, all of which stand for 12 bytes


@dataclass(frozen=True)
class Held:
    """What a file input has been given before: browsers let no page fill one, so the form holds it beside."""

    text: str  # base64; empty where it is too long
    size: int
    source: str = ""  # of an image element, where it is a picture


@dataclass(frozen=True)
class Kept:
    """A file of a kept prediction: the position of its field, its size in bytes, and whether it is a picture."""

    position: int
    size: int
    is_picture: bool


def media_type_of(raw: bytes) -> str:
    """The type of a picture by its first bytes; that of bytes for all else, whatever they say they are."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for start, media_type in _STARTS.items() if raw.startswith(start)), OCTETS)


def held_of(text: str) -> Held | None:
    """What the base64 in a form's control holds; None of an empty one."""
    text = "".join(text.split())
    if not text:
        return None
    size = _size(text)
    if len(text) > HELD:
        return Held("", size)
    media_type = _type_of_base64(text)
    return Held(text, size, f"data:{media_type};base64,{text}" if media_type in PICTURES else "")


def kept_files(record: PredictionRecord, signature: Signature | None, instance: Mapping[str, Any]) -> dict[str, Kept]:
    """The files of an instance by field, those that the log has kept whole."""
    fields = () if signature is None else signature.inputs
    return {
        field.name: Kept(position, _size(text), _type_of_base64(text) in PICTURES)
        for position, field in enumerate(fields)
        if (text := _kept_text(record, field, instance)) is not None
    }


def kept_file(
    record: PredictionRecord, signature: Signature | None, instance: Mapping[str, Any], position: int
) -> bytes | None:
    """The bytes of a kept file; None where there is none of that position."""
    if signature is None or position >= len(signature.inputs):
        return None
    text = _kept_text(record, signature.inputs[position], instance)
    return None if text is None else base64.b64decode(text)


def _kept_text(record: PredictionRecord, field: Field, instance: Mapping[str, Any]) -> str | None:
    if not is_file(field) or field.name in (record.not_kept or {}):
        return None
    text: str | None = instance.get(field.name)
    return text


def _size(text: str) -> int:
    """The bytes that base64 stands for, if it is some."""
    return len(text) // 4 * 3 - text[-2:].count("=")


def _type_of_base64(text: str) -> str:
    try:
        return media_type_of(base64.b64decode(text[:_LONGEST_START], validate=True))
    except (binascii.Error, ValueError):
        return OCTETS
