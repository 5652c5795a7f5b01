"""Files in pages: what an input held before, and the kept files of a prediction."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from mlserve.dashboard.files import HELD, OCTETS, Held, Kept, held_of, kept_file, kept_files, media_type_of
from mlserve.predictions.record import PredictionRecord
from mlserve.signature import Field, OutputField, Signature
from tests.unit.predictions.factories import record

SIGNATURE = Signature(
    inputs=(
        Field("age", "int64"),
        Field("face", "image", shape=(4, 4, 3)),
        Field("sound", "bytes", nullable=True),
        Field("parts", "bytes", shape=(2,)),
    ),
    outputs=(OutputField("value", "float64"),),
)


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)
    return file.getvalue()


def text_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


PNG = picture("PNG")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_a_picture_says_itself_what_it_is(kind: str) -> None:
    raw = picture(kind)
    media_type = f"image/{kind.lower()}"
    assert media_type_of(raw) == media_type
    held = held_of(text_of(raw))
    assert held == Held(text_of(raw), len(raw), f"data:{media_type};base64,{text_of(raw)}")


@pytest.mark.parametrize("raw", [b"", b"<svg onload=alert(1)>", b"<html>", b"RIFF0000WAVE", b"\x89PN", b"%PDF"])
def test_all_else_is_bytes_whatever_it_says(raw: bytes) -> None:
    assert media_type_of(raw) == OCTETS
    if raw:
        assert held_of(text_of(raw)) == Held(text_of(raw), len(raw))


def test_an_empty_control_holds_nothing() -> None:
    assert held_of("") is held_of(" \r\n ") is None


@pytest.mark.parametrize(("text", "size"), [("not base64!", 7), ("é", 0), ("A", 0), ("AAAA", 3)])
def test_what_is_no_base64_is_held_as_it_was_written(text: str, size: int) -> None:
    without = "".join(text.split())
    held = held_of(text)
    assert held is not None
    assert (held.text, held.source) == (without, "")
    assert abs(held.size - size) <= 1


def test_a_long_file_is_not_written_into_the_form_again() -> None:
    raw = PNG + bytes(HELD)
    assert held_of(text_of(raw)) == Held("", len(raw))


def kept(**changed: Any) -> PredictionRecord:
    return record(**changed)


INSTANCE = {"age": 3, "face": text_of(PNG), "sound": text_of(b"\0" * 5), "parts": [text_of(b"a"), text_of(b"b")]}


def test_the_files_of_an_instance_are_those_of_its_fields_without_a_shape() -> None:
    assert kept_files(kept(), SIGNATURE, INSTANCE) == {"face": Kept(1, len(PNG), True), "sound": Kept(2, 5, False)}
    assert kept_file(kept(), SIGNATURE, INSTANCE, 1) == PNG
    assert kept_file(kept(), SIGNATURE, INSTANCE, 2) == b"\0" * 5
    for position in (0, 3, 4):
        assert kept_file(kept(), SIGNATURE, INSTANCE, position) is None


def test_what_is_missing_or_kept_as_a_hash_only_is_no_file() -> None:
    assert kept_files(kept(), SIGNATURE, {**INSTANCE, "sound": None}).keys() == {"face"}
    hashed = kept(not_kept={"face": "hash"})
    assert kept_files(hashed, SIGNATURE, {**INSTANCE, "face": "sha256:0"}).keys() == {"sound"}
    assert kept_file(hashed, SIGNATURE, INSTANCE, 1) is None


def test_without_the_version_s_signature_nothing_is_known_to_be_a_file() -> None:
    assert kept_files(kept(), None, INSTANCE) == {}
    assert kept_file(kept(), None, INSTANCE, 1) is None
