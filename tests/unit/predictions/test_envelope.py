"""The envelope of a prediction."""

import json

import msgspec
import pytest

from mlserve.errors import Invalid, Unreadable
from mlserve.predictions.envelope import read_envelope
from mlserve.signature.json_schema import REFERENCE_LENGTH

DEPTH = 8


def problems(body: bytes) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in read_envelope(body, DEPTH)[1]]


def test_instances_and_columns_stay_raw_json() -> None:
    envelope, found = read_envelope(b'{"reference":"a","instances":[ [1.50, -0.0] ],"parameters":{}}', DEPTH)
    assert found == []
    assert bytes(envelope.instances) == b"[ [1.50, -0.0] ]"  # type: ignore[arg-type]
    assert envelope.columns is msgspec.UNSET
    assert (envelope.reference, envelope.parameters) == ("a", {})


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"{}", [("", "required")]),
        (b'{"instances":[],"columns":{}}', [("", "required")]),
        (b'{"instances":[],"reference":7}', [("/reference", "type")]),
        (b'{"instances":[],"parameters":[]}', [("/parameters", "type")]),
        (b'{"instances":[],"parameters":{"a/b~c":1}}', [("/parameters/a~1b~0c", "unknown_field")]),
        (b'{"x":1,"a/b":1,"reference":"a"}', [("/x", "unknown_field"), ("/a~1b", "unknown_field"), ("", "required")]),
        (b'{"instances":[],"reference":"\\u0000"}', [("/reference", "nul")]),
        (b'{"instances":[],"reference":"%s"}' % (b"a" * (REFERENCE_LENGTH + 1)), [("/reference", "length")]),
        (b'{"instances":[],"reference":"%s"}' % ("é" * REFERENCE_LENGTH).encode(), []),
        (b'{"instances":null,"reference":null,"parameters":null}', []),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(body: bytes, found: list[tuple[str, str]]) -> None:
    assert problems(body) == found


def test_what_could_be_read_is_there_beside_the_problems() -> None:
    envelope, found = read_envelope(b'{"x":1,"instances":[[1,2]],"reference":[]}', DEPTH)
    assert len(found) == 2
    assert json.loads(bytes(envelope.instances)) == [[1, 2]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"reference":"\xff"}', b'{"a":NaN}', b"{}x", b'{"a":"\\ud800"}']
)
def test_what_is_not_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_envelope(body, DEPTH)


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_a_body_without_anything_is_called_empty(body: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^The body is empty\.$"):
        read_envelope(body, DEPTH)


def test_fields_without_instances_around_them_are_told_where_to_go() -> None:
    with pytest.raises(Invalid) as refused:
        read_envelope(b'{"carrier":"UA","month":7}', DEPTH)
    assert refused.value.detail == 'Put the fields into {"instances": [ … ]}.'
    assert [problem.pointer for problem in refused.value.problems] == ["/carrier", "/month", ""]
    assert not refused.value.more
    with pytest.raises(Invalid) as refused:
        read_envelope(b'{"a":1,"b":2,"c":3}', DEPTH, 2)
    assert [problem.pointer for problem in refused.value.problems] == ["/a", "/b"]
    assert refused.value.more


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null"])
def test_what_is_no_object_is_invalid(body: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_envelope(body, DEPTH)
    assert refused.value.problems[0].code == "type"


def test_of_many_unknown_names_one_more_than_the_limit_is_enough() -> None:
    names = b",".join(b'"k%d":1' % n for n in range(500))
    assert len(read_envelope(b'{"reference":"a",' + names + b"}", DEPTH, 10)[1]) == 12  # with the missing instances
    assert len(read_envelope(b'{"columns":{},"parameters":{' + names + b"}}", DEPTH, 10)[1]) == 11


def test_explain_is_true_or_false_and_false_unless_given() -> None:
    for text, said in ((b"", False), (b',"explain":false', False), (b',"explain":true', True)):
        envelope, found = read_envelope(b'{"instances":[]' + text + b"}", DEPTH)
        assert (envelope.explain, found) == (said, [])
        assert read_envelope(b'{"instances":[],"x":1' + text + b"}", DEPTH)[0].explain is said
    for text in (b"null", b"1", b'"true"', b"[]"):
        (problem,) = read_envelope(b'{"instances":[],"explain":' + text + b"}", DEPTH)[1]
        assert (problem.pointer, problem.code, problem.field) == ("/explain", "type", "explain")
        assert (problem.expected, problem.got) == ("true or false", text.decode())
