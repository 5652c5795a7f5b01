"""Forms, read and made JSON."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.errors import Invalid, MlserveError, TooLarge, Unreadable
from mlserve.predictions.multipart import HEADER_BYTES, HEADERS, PARTS, Part, Upload, read_parts
from mlserve.signature import Batch, Field, OutputField, Signature
from mlserve.signature.decoder import Decoder

INPUTS = (
    Field("photo", "bytes"),
    Field("size", "int32", nullable=True, required=False),
    Field("weight", "float64", nullable=True, required=False),
    Field("note", "text", nullable=True, required=False),
    Field("good", "bool", nullable=True, required=False),
    Field("grid", "float32", shape=(-1,), nullable=True, required=False),
)
SIGNATURE = Signature(INPUTS, (OutputField("y", "float64"),))
DECODER = Decoder(SIGNATURE, max_instances=10, max_problems=10)


def form(*parts: tuple[str, bytes] | tuple[str, bytes, str], boundary: str = "b") -> bytes:
    """The bytes of a form; the third of a part is what stands after its name."""
    found = b""
    for name, value, *more in parts:
        after = more[0] if more else ""
        found += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{after}\r\n\r\n'.encode()
        found += value + b"\r\n"
    return found + f"--{boundary}--\r\n".encode()


def decode(upload: Upload) -> Batch:
    members = msgspec.json.decode(upload.as_json(SIGNATURE), type=dict[str, msgspec.Raw])
    return DECODER.decode(bytes(members["instances"]), None)


def body_of(*parts: Any, signature: Signature = SIGNATURE) -> Any:
    return json.loads(Upload(form(*parts), "b", 100).as_json(signature))


def problems_of(*parts: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        Upload(form(*parts), "b", 100).as_json(SIGNATURE)
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


def test_each_type_is_read() -> None:
    (instance,) = body_of(
        ("photo", b"\xff\0\r\n--x", '; filename="a.bin"'),
        ("size", b" 3 "),
        ("weight", b"1.5"),
        ("note", "ä\r\nb\n".encode()),
        ("good", b"TRUE"),
        ("grid", b"[1, 2]"),
    )["instances"]
    assert instance == {
        "photo": "/wANCi0teA==",
        "size": 3,
        "weight": 1.5,
        "note": "ä\r\nb\n",
        "good": True,
        "grid": [1, 2],
    }


def test_empty_is_missing_but_a_file_of_no_bytes_is_a_file() -> None:
    assert body_of(("photo", b""), ("size", b""))["instances"] == [{"photo": None, "size": None}]
    assert body_of(("photo", b"", '; filename=""'))["instances"] == [{"photo": None}]
    assert body_of(("photo", b"", '; filename="empty.bin"'))["instances"] == [{"photo": ""}]


def test_repeated_parts_are_instances_in_order() -> None:
    body = body_of(("photo", b"1"), ("size", b"1"), ("size", b"2"), ("photo", b"2"))
    assert body["instances"] == [{"photo": "MQ==", "size": 1}, {"photo": "Mg==", "size": 2}]


def test_what_stands_beside_the_instances() -> None:
    body = body_of(("photo", b"1"), ("reference", b"r"), ("explain", b"True"))
    assert (body["reference"], body["explain"]) == ("r", True)
    assert "explain" not in body_of(("photo", b"1"), ("explain", b""))
    assert body_of(("photo", b"1"), ("explain", b"perhaps"))["explain"] == "perhaps"
    own = Signature((Field("reference", "string"), Field("explain", "string")), SIGNATURE.outputs)
    body = body_of(("reference", b"r"), ("explain", b"true"), signature=own)
    assert body == {"instances": [{"reference": "r", "explain": "true"}]}


def test_what_does_not_fit_together_is_named() -> None:
    assert problems_of(("photo", b"1"), ("photo", b"2"), ("size", b"1")) == [("/instances/1/size", "length")]
    assert problems_of(("photo", b"1"), ("reference", b"a"), ("reference", b"b")) == [("/reference", "length")]
    assert problems_of(("note", b"\xff")) == [("/instances/0/note", "type")]
    assert problems_of(("photo", b"1"), ("reference", b"\xff")) == [("/reference", "type")]


def test_no_more_problems_are_listed_than_may_be() -> None:
    with pytest.raises(Invalid) as caught:
        Upload(form(*[("note", b"\xff")] * 9), "b", 3).as_json(SIGNATURE)
    assert (len(caught.value.problems), caught.value.more) == (3, True)


@pytest.mark.parametrize("text", [b"1e999", b"-1e999", b"9" * 400, b"9" * 30, b"1" * 5000, b"nan", b"[1e999]"])
def test_numbers_that_no_type_holds_are_never_missing(text: bytes) -> None:
    for name in ("size", "grid"):
        with pytest.raises(Invalid) as caught:
            decode(Upload(form(("photo", b"1"), (name, text)), "b", 100))
        assert caught.value.problems[0].field == name


def test_an_unknown_part_is_left_to_the_decoder() -> None:
    assert body_of(("photo", b"1"), ("tail", b"\xff" * 999))["instances"][0]["tail"] == "\ufffd" * 100


def test_names_are_read_as_browsers_and_curl_write_them() -> None:
    assert [part.name for part in read_parts(form(("a%22b", b""), ("ä;=", b"")), "b")] == ['a"b', "ä;="]


def test_the_same_values_have_one_identity_whatever_the_boundary() -> None:
    one, other = Upload(form(("a", b"1")), "b", 1), Upload(form(("a", b"1"), boundary="other"), "other", 1)
    assert one.identity() == other.identity()
    different = [
        form(("a", b"2")),
        form(("b", b"1")),
        form(("a", b"1"), ("a", b"")),
        form(("a", b"1"), ("a", b"", '; filename="x"')),
        form(("a", b""), ("a", b"1")),
    ]
    assert len({Upload(body, "b", 1).identity() for body in (form(("a", b"1")), *different)}) == 6


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not begin"),
        (b"--b--\r\n", "no parts"),
        (b"\r\n--b--", "not begin"),
        (form(("a", b"1"))[:-5], "cut off"),
        (form(("a", b"1")) + form(("a", b"1")), "after end"),
        (b"preamble\r\n" + form(("a", b"1")), "not begin"),
        (form(("a", b"1")).replace(b"\r\n", b"\n"), "cut off"),
        (b"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--", "cannot be read"),
        (b'--b\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--b--', "cannot be read"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", "cannot be read"),
        (b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--b--', "cannot be read"),
        (form(("a", b"1", "\r\nContent-Type: multipart/mixed; boundary=c")), "form in the form"),
        (form(("a", b"1", "\r\nContent-Type: text/plain; charset=utf-16")), "'utf-16'; send UTF-8"),
        (form(("a", b"MQ==", "\r\nContent-Transfer-Encoding: base64")), "send it as it is"),
    ],
)
def test_what_is_no_whole_form_is_unreadable(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_parts(body, "b")


@pytest.mark.parametrize("boundary", ["", "a\nb", "ä", "x" * 71, "a "])
def test_a_boundary_is_one(boundary: str) -> None:
    with pytest.raises(Unreadable, match="boundary"):
        read_parts(form(("a", b"1"), boundary=boundary), boundary)


@pytest.mark.parametrize(
    "body",
    [
        form(*[("a", b"")] * (PARTS + 1)),
        form(("a", b"1", "\r\nX-Long: " + "x" * HEADER_BYTES)),
        form(("a", b"1", "\r\nX: y" * HEADERS)),
        form(("a" * HEADER_BYTES, b"1")),
    ],
)
def test_parts_and_headers_have_limits(body: bytes) -> None:
    with pytest.raises(TooLarge):
        read_parts(body, "b")


@given(st.lists(st.tuples(st.sampled_from(["a", "ä b", "x;y=z"]), st.binary()), min_size=1, max_size=6))
def test_what_is_written_is_read(parts: list[tuple[str, bytes]]) -> None:
    boundary = "a-boundary-that-no-value-has"
    body = form(*((name, value, '; filename="f"') for name, value in parts), boundary=boundary)
    assert read_parts(body, boundary) == [Part(name, value, True) for name, value in parts]


PIECES = [
    b"--b",
    b"--b--",
    b"\r\n",
    b"\n",
    b"\r",
    b'Content-Disposition: form-data; name="photo"',
    b'Content-Disposition: form-data; name="size"; filename="x"',
    b"Content-Disposition: form-data; name=explain",
    b"Content-Type: multipart/mixed",
    b"Content-Type: text/plain; charset=",
    b"Content-Length: 3",
    b"Content-Transfer-Encoding: base64",
    b"1",
    b"\xff\0",
    b'"',
    b";",
    b":",
    b" ",
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=30).map(b"".join))
def test_nothing_fails_in_another_way(middle: bytes) -> None:
    for body in (middle, b"--b\r\n" + middle + b"\r\n--b--"):
        try:
            upload = Upload(body, "b", 5)
            upload.identity()
            decode(upload)
        except MlserveError:
            pass


def test_nothing_of_a_file_that_no_field_takes_is_told() -> None:
    body = form(("file", b"\x89PNG secret", '; filename="cat.png"'), ("note", b"hello"))
    sent = json.loads(Upload(body, "b", 5).as_json(Signature((Field("photo", "image"),), ())))
    assert sent["instances"] == [{"file": "a file of 11 bytes", "note": "hello"}]
