"""A large body of columns is read in one pass to what its parts are read to, or not at all."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlserve.errors import MlserveError
from mlserve.predictions.envelope import read_envelope
from mlserve.signature import Batch, Decoder, Field, Signature
from mlserve.signature.arrays import PlainFloats
from mlserve.signature.columns import LARGE, ColumnsBody
from mlserve.signature.fast import REFUSALS, FastDecoder
from mlserve.signature.schema import row_schema
from tests.unit.signature import strategies
from tests.unit.signature.test_agreement import same_values

thorough = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

PAIR = Signature((Field("a", "float32"), Field("b", "float64", nullable=True, minimum=-1)), ())
MIXED = Signature(
    (
        Field("x", "float32"),
        Field("kind", "category", categories=("é", "n")),
        Field("half", "float16", required=False, nullable=True),
        Field("count", "int64"),
        Field("grid", "float32", shape=(2,)),
        Field("big", "uint64", nullable=True),
        Field("y", "float64", maximum=10),
    ),
    (),
)
SIGNATURES = (
    st.just(PAIR)
    | st.just(MIXED)
    | strategies.signatures().filter(lambda signature: FastDecoder(signature, 1).by_struct)
)
Found = tuple[Batch, str | None, bool]


def in_one_pass(signature: Signature, body: bytes, max_instances: int = 100) -> Found | None:
    fast, floats = FastDecoder(signature, max_instances), PlainFloats(row_schema(signature))
    try:
        return ColumnsBody(signature, max_instances, fast, floats).read(body)
    except REFUSALS:
        return None


def in_parts(signature: Signature, body: bytes, max_instances: int = 100) -> Found | None:
    decoder = Decoder(signature, max_instances=max_instances, max_problems=10)
    try:
        envelope, problems = read_envelope(body, 20)
        if problems:
            return None
        instances, columns = (bytes(part) if part else None for part in (envelope.instances, envelope.columns))
        return decoder.decode(instances, columns), envelope.reference, envelope.explain
    except MlserveError:
        return None


def same(one: Found, other: Found | None) -> bool:
    return other is not None and one[1:] == other[1:] and same_values(one[0], other[0])


@st.composite
def bodies(draw: st.DrawFn, signature: Signature, *, good: bool) -> bytes:
    columns = strategies.columns_text(signature, draw(strategies.rows(signature, good=good)))
    beside = {"reference": draw(st.none() | st.just("order 7")), "explain": draw(st.booleans())}
    return b'{"columns":' + columns + b"," + json.dumps(beside).encode()[1:]


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """The body after a few cuts, copies and insertions: names come twice, brackets nest, numbers grow."""
    pieces = [b"-", b"0", b"1e", b".", b"9" * 30, b"null", b"[", b"]", b"{", b"}", b",", b":", b'"', b" ", b"\\u0041"]
    for _ in range(draw(st.integers(1, 3))):
        places = st.integers(0, len(body))
        start, end = sorted(draw(st.tuples(places, places)))
        at = draw(places)
        cut = body[:start] + body[end:]
        copied = body[:at] + body[start:end] + body[at:]
        inserted = body[:at] + draw(st.sampled_from(pieces)) + body[at:]
        body = draw(st.sampled_from([cut, copied, inserted]))
    return body


@given(data=st.data())
@thorough
def test_ordinary_bodies_are_read_to_what_their_parts_are(data: st.DataObject) -> None:
    signature = data.draw(SIGNATURES)
    body = data.draw(bodies(signature, good=True))
    if b"\\\\u0000" in body:
        return  # An escaped backslash before u0000 is the one good text that is left to the schema.
    found = in_one_pass(signature, body)
    assert found is not None
    assert same(found, in_parts(signature, body))


@given(data=st.data())
@thorough
def test_any_body_is_read_to_what_its_parts_are_or_not_at_all(data: st.DataObject) -> None:
    signature = data.draw(SIGNATURES)
    body = data.draw(bodies(signature, good=data.draw(st.booleans())))
    for text in (body, data.draw(mutated(body))):
        found = in_one_pass(signature, text)
        assert found is None or same(found, in_parts(signature, text))


@given(
    literals=st.lists(
        st.floats(allow_nan=False, allow_infinity=False).map(repr)
        | st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?(e-?[0-9]{1,3})?", fullmatch=True),
        min_size=1,
        max_size=8,
    )
)
@example(strategies.LITERALS[:30])
@thorough
def test_numbers_are_the_same_doubles_and_the_same_floats(literals: list[str]) -> None:
    signature = Signature((Field("a", "float64"), Field("b", "float32")), ())
    for literal in literals:
        body = f'{{"columns":{{"a":[{literal}],"b":[{literal}]}}}}'.encode()
        found, other = in_one_pass(signature, body), in_parts(signature, body)
        assert (found is None) == (other is None)
        assert found is None or same(found, other)


@pytest.mark.parametrize(
    ("columns", "a", "b"),
    [
        ('{"a":[1],"b":[2]}', [1.0], [2.0]),
        ('{"b":[null,2],"\\u0061":[-0.0,1e-46]}', [-0.0, 1e-46], [None, 2.0]),
        ('{"a":[9007199254740993],"b":[18446744073709551616]}', [2.0**53], [2.0**64]),
        ('{"a":["no"],"a":[1],"b":[2]}', None, None),
        ('{"a":[1e300],"b":[2],"a":[1]}', [1.0], [2.0]),
        ('{"a":[3.4028234663852886e38],"b":[-1]}', [3.4028234663852886e38], [-1.0]),
        ('{"a":[3.4028234663852889e38],"b":[-1]}', None, None),
        ('{"a":[-3.4028234663852889e38],"b":[-1]}', None, None),
        ('{"a":[1],"b":[-1.0000000000000002]}', None, None),
        ('{"a":[1,2],"b":[null,-1.5]}', None, None),
        ('{"a":[1],"b":[1e400]}', None, None),
        ('{"a":[null],"b":[1]}', None, None),
        ('{"a":[1],"b":[1,2]}', None, None),
        ('{"a":[],"b":[]}', None, None),
        ('{"a":[1,2,3,4],"b":[1,2,3,4]}', None, None),
        ('{"a":[[1]],"b":[1]}', None, None),
        ('{"a":[true],"b":[1]}', None, None),
        ('{"a":["1"],"b":[1]}', None, None),
        ('{"a":[NaN],"b":[1]}', None, None),
        ('{"a":[01],"b":[1]}', None, None),
        ('{"a":1,"b":[1]}', None, None),
        ('{"a":[1]}', None, None),
        ('{"a":[1],"b":[1],"c":[1]}', None, None),
        ("[[1],[1]]", None, None),
        ("[" * 3000 + "]" * 3000, None, None),
    ],
)
def test_columns_of_floats(columns: str, a: list[Any] | None, b: list[Any] | None) -> None:
    body = b'{"columns":' + columns.encode() + b"}"
    found = in_one_pass(PAIR, body, 3)
    if a is None:
        assert found is None
    else:
        assert found is not None
        assert [repr(found[0].values(name)) for name in "ab"] == [repr(a), repr(b)]
        assert same(found, in_parts(PAIR, body, 3))


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances":[{"a":1,"b":1}]}',
        b'{"columns":{"a":[1],"b":[1]},"instances":[{"a":1,"b":1}]}',
        b'{"columns":{"a":[1],"b":[1]},"parameters":{"x":1}}',
        b'{"columns":{"a":[1],"b":[1]},"explain":1}',
        b'{"columns":{"a":[1],"b":[1]},"reference":7}',
        b'{"columns":{"a":[1],"b":[1]},"reference":"\xff"}',
        b'\xef\xbb\xbf{"columns":{"a":[1],"b":[1]}}',
        b'{"columns":{"a":[1],"b":[1]}}x',
        b'{"columns":{"a":[1],"b":[1]}}\x00',
        b'{"columns":{"a":[1],"b":[1]}',
        b"{}",
        b"",
    ],
)
def test_a_body_of_another_shape_is_not_read_here(body: bytes) -> None:
    assert in_one_pass(PAIR, body) is None


def test_texts_with_nul_are_left_to_the_schema() -> None:
    signature = Signature((Field("t", "string"), Field("x", "float32")), ())
    assert in_one_pass(signature, b'{"columns":{"t":["\\u0000"],"x":[1]}}') is None
    assert in_one_pass(signature, b'{"columns":{"t":["\\u0001"],"x":[1]}}') is not None


def large(signature: Signature, **columns: list[Any]) -> bytes:
    """A body of so many instances that it is large; each column's values come again and again."""
    n = LARGE // len(columns)
    body = json.dumps({"columns": {name: (values * n)[:n] for name, values in columns.items()}}).encode()
    assert len(body) >= LARGE
    return body


def test_large_bodies_are_read_in_one_pass_and_small_ones_in_parts() -> None:
    decoder = Decoder(PAIR, max_instances=10_000, max_problems=10)
    body = large(PAIR, a=[0.1, 2], b=[None, 7, 1e300])
    found = decoder.decode_body(body)
    assert found is not None
    assert same(found, in_parts(PAIR, body, 10_000))
    assert decoder.decode_body(b'{"columns":{"a":[1],"b":[1]}}') is None
    assert decoder.decode_body(large(PAIR, a=[1e39], b=[1])) is None


def test_large_bodies_of_instances_are_read_as_small_ones_are() -> None:
    decoder = Decoder(PAIR, max_instances=10_000, max_problems=10)
    found = decoder.decode_body(json.dumps({"instances": [{"a": 0.1, "b": None}] * 500, "explain": True}).encode())
    assert found is not None
    assert found[1:] == (None, True)
    assert found[0].rows() == [(0.1, None)] * 500


def test_what_no_struct_can_hold_is_read_in_parts() -> None:
    signature = Signature((Field('a"b', "float32"),), ())
    decoder = Decoder(signature, max_instances=10_000, max_problems=10)
    body = large(signature, **{'a"b': [1.5]})
    assert decoder.decode_body(body) is None
    assert in_parts(signature, body, 10_000) is not None


def test_the_matrix_of_many_mixed_columns_is_that_of_their_rows() -> None:
    fields = [field for field in MIXED.inputs if field.name != "grid"]
    signature = Signature(tuple(fields), ())
    body = large(
        signature,
        x=[0.1, 3.4e38, -0.0],
        kind=["é", "n"],
        half=[None, 0.1, 65504],
        count=[2**53 + 1, -(2**63), 5],
        big=[2**64 - 1, None],
        y=[-1e300, 10, 0.1],
    )
    found = Decoder(signature, max_instances=10_000, max_problems=10).decode_body(body)
    assert found is not None
    batch = found[0]
    assert isinstance(batch.column("x")[0], np.ndarray)
    with np.errstate(over="ignore"):
        rows = Batch.from_rows(signature, batch.rows()).matrix()
    assert batch.matrix().tobytes() == rows.tobytes()
    assert same(found, in_parts(signature, body, 10_000))
