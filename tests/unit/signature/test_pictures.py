"""Images: which files are read and how they are seen, and what becomes of files that are none or too large."""

import contextlib
import json
import struct
import sys
import threading
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlserve.errors import Invalid, SignatureError
from mlserve.signature import Batch, Decoder, Field, Picture, Signature, StoredInputs
from mlserve.testing.instances import instances_of
from tests.unit.signature.pictures import base64_of, file_of, noise

OWN = Field("own", "image")
SMALL = Field("small", "image", (4, 6, 3), nullable=True)


def decoder_of(*fields: Field, most: int | None = 100_000) -> Decoder:
    return Decoder(Signature(fields, ()), max_instances=10, max_problems=5, max_pixels=most)


def seen(raw: bytes, field: Field = OWN) -> np.ndarray:
    batch = decoder_of(field).decode(json.dumps([[base64_of(raw)]]).encode(), None)
    return batch.column(field.name)[0][0]


def problems(decoder: Decoder, body: Any, form: str = "instances") -> list[tuple[str, str, str]]:
    raw = json.dumps(body).encode()
    with pytest.raises(Invalid) as refused:
        decoder.decode(*((raw, None) if form == "instances" else (None, raw)))
    return [(problem.pointer, problem.code, problem.got) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95}), ("GIF", {})],
)
def test_five_formats_are_read(kind: str, options: dict[str, Any]) -> None:
    image = noise(30, 20)
    pixels = seen(file_of(image, kind, **options))
    assert (pixels.shape, pixels.dtype) == ((20, 30, 3), np.uint8)
    apart = np.abs(pixels.astype(int) - np.asarray(image))
    assert apart.mean() < (1 if kind in ("PNG", "BMP", "WEBP") else 20)


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "TGA", "ICO", "EPS", "PDF"])
def test_other_formats_are_refused(kind: str) -> None:
    raw = base64_of(file_of(noise(30, 20), kind))
    assert problems(decoder_of(OWN), [{"own": raw}])[0][:2] == ("/instances/0/own", "image")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_becomes_three_channels(mode: str) -> None:
    assert seen(file_of(Image.new(mode, (3, 2)))).shape == (2, 3, 3)


def test_grey_in_16_bits_is_divided_not_cut_off() -> None:
    values = np.array([[0, 256, 32768, 65535]], np.uint16)
    assert seen(file_of(Image.fromarray(values)))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_palette_with_transparency() -> None:
    image = Image.new("P", (2, 2))
    image.info["transparency"] = bytes([0, 255])
    assert seen(file_of(image, transparency=bytes([0, 255]))).shape == (2, 2, 3)


def test_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (2, 2), color) for color in ("red", "blue")]
    assert seen(file_of(frames[0], "GIF", save_all=True, append_images=frames[1:]))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_the_camera_was(orientation: int) -> None:
    upright = np.array(
        [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]], [[0, 0, 0], [255, 255, 0]]], np.uint8
    )
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = file_of(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert (seen(raw) == upright).all()


def test_a_damaged_note_of_the_camera_is_no_note() -> None:
    raw = file_of(noise(3, 2), "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow's, of the note.
        assert seen(raw).shape == (2, 3, 3)


def test_a_shape_brings_every_picture_to_one_size() -> None:
    decoder = decoder_of(SMALL, Field("grey", "image", (2, 2, 1)))
    raw = base64_of(file_of(Image.new("RGB", (50, 40), (10, 20, 30))))
    batch = decoder.decode(json.dumps([{"small": raw, "grey": raw}, {"small": None, "grey": raw}]).encode(), None)
    small, missing = batch.column("small")
    assert (small.shape, small.dtype, missing.tolist()) == ((2, 4, 6, 3), np.uint8, [False, True])
    assert (small[0] == [10, 20, 30]).all()
    assert not small[1].any()
    assert batch.column("grey")[0].shape == (2, 2, 2, 1)
    assert not small.flags.writeable
    with pytest.raises(TypeError, match="field 'small' is an image"):
        batch.matrix()


def test_pictures_are_values_equal_by_their_files() -> None:
    raw = file_of(noise(3, 2))
    body = json.dumps({"own": [base64_of(raw)] * 2}).encode()
    one, other = decoder_of(OWN).decode(None, body).values("own")
    assert isinstance(one, Picture)
    assert (one == other, one == raw, len({one, other})) == (True, False, 1)
    assert one.raw == raw
    assert not one.pixels.flags.writeable
    assert repr(one) == f"<Picture of {len(raw)} bytes, 2 × 3 × 3>"


def test_the_log_keeps_the_file_as_it_came() -> None:
    signature = Signature((OWN, SMALL, Field("face", "image", keep="hash")), ())
    raw = base64_of(file_of(noise(9, 8), "JPEG"))
    batch = Decoder(signature, max_instances=2, max_problems=2).decode(json.dumps([[raw, None, raw]]).encode(), None)
    kept = json.loads(StoredInputs(signature).encode(batch))[0]
    assert (kept["own"], kept["small"]) == (raw, None)
    assert kept["face"].startswith("sha256:")
    stored = StoredInputs(Signature((OWN, SMALL), ()))
    again = stored.decode(stored.encode(Batch.from_rows(stored.signature, [row[:2] for row in batch.rows()])))
    assert (again.column("own")[0][0] == batch.column("own")[0][0]).all()


def test_pictures_are_opened_once_and_only_when_all_else_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    really = Image.open
    monkeypatch.setattr(Image, "open", lambda *given, **more: opened.append(1) or really(*given, **more))
    decoder = decoder_of(OWN, Field("x", "int8"))
    raw = base64_of(file_of(noise(3, 2)))
    assert problems(decoder, [{"own": raw, "x": 1}, {"own": raw, "x": 128}])[0][1] == "overflow"
    assert opened == []
    decoder.decode(json.dumps([{"own": raw, "x": 1}, {"own": raw, "x": 2.0}]).encode(), None)
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("body", "form", "pointer"),
    [
        ([{"own": "AAAA"}], "instances", "/instances/0/own"),
        ([["AAAA"]], "instances", "/instances/0/0"),
        ({"own": ["AAAA"]}, "columns", "/columns/own/0"),
    ],
)
def test_a_file_that_is_no_picture_is_named_where_it_stands(body: Any, form: str, pointer: str) -> None:
    assert problems(decoder_of(OWN), body, form) == [(pointer, "image", "3 bytes that are none, or damaged")]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_file_cut_short_is_refused(kind: str) -> None:
    raw = file_of(noise(60, 50), kind)
    for length in (0, 1, 10, 40, len(raw) // 2):
        found = problems(decoder_of(OWN), [{"own": base64_of(raw[:length])}])
        assert found == [("/instances/0/own", "image", f"{length:,} bytes that are none, or damaged")]


def test_damaged_files_are_pictures_or_refused() -> None:
    random = np.random.default_rng(3)
    decoder = decoder_of(OWN)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        whole = file_of(noise(40, 30), kind)
        for _ in range(40):
            damaged = bytearray(whole)
            for place in random.integers(0, len(whole), 8):
                damaged[place] = random.integers(256)
            with contextlib.suppress(Invalid):
                decoder.decode(json.dumps([[base64_of(bytes(damaged))]]).encode(), None)


def bomb(width: int, height: int) -> str:
    """A PNG that only says how large it is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    ]
    return base64_of(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


@pytest.mark.parametrize(
    "sizes", [(317, 316), (20_000, 4_000), (20_000, 6_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)]
)
def test_the_header_is_enough_to_refuse_a_bomb(sizes: tuple[int, int]) -> None:
    ((pointer, code, _),) = problems(decoder_of(OWN), [{"own": bomb(*sizes)}])
    assert (pointer, code) == ("/instances/0/own", "pixels")


def test_all_pictures_of_a_request_count_together() -> None:
    decoder = decoder_of(OWN, most=1_000)
    raw = base64_of(file_of(noise(20, 20)))
    assert decoder.decode(json.dumps([[raw], [raw]]).encode(), None).n == 2
    small = base64_of(file_of(noise(10, 10)))
    assert problems(decoder, [[raw], [raw], [raw], [small]]) == [("/instances/2/0", "pixels", "20 × 20 pixels")]


def test_pillow_s_own_limit_is_left_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS
    decoder_of(OWN).decode(json.dumps([[base64_of(file_of(noise(3, 2)))]]).encode(), None)
    assert before == Image.MAX_IMAGE_PIXELS


def test_without_pillow_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SignatureError, match=r"input 'own' is an image.*pip install 'pyramid-mlserve\[images\]'"):
        decoder_of(OWN)
    Decoder(Signature((Field("x", "bytes"),), ()), max_instances=1, max_problems=1)


def test_threads_share_a_decoder() -> None:
    decoder = decoder_of(OWN, SMALL)
    instances = instances_of(decoder.signature, 8)
    raw = json.dumps(instances).encode()
    expected = [picture.pixels.tobytes() for picture in decoder.decode(raw, None).values("own")]
    wrong: list[int] = []

    def ask() -> None:
        for _ in range(20):
            found = [picture.pixels.tobytes() for picture in decoder.decode(raw, None).values("own")]
            wrong.extend(at for at, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
