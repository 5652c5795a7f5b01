"""What the fast decoder accepts, the schema accepts, to the same values; and it takes all ordinary requests."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlserve.errors import Invalid, Problem, SignatureError
from mlserve.signature import Batch, Decoder, Field, Signature
from mlserve.signature.decoder import read_json
from mlserve.signature.fast import REFUSALS, FastDecoder
from mlserve.signature.schema import row_schema
from mlserve.signature.walk import Walk
from tests.unit.signature import strategies

thorough = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def same_values(one: Batch, other: Batch) -> bool:
    """Whether all columns, as arrays and as Python values, and the matrix are equal to the bit."""
    return same_arrays(one, other) and all(
        list(map(repr, one.values(name))) == list(map(repr, other.values(name))) for name in one.signature.names
    )


def same_arrays(one: Batch, other: Batch) -> bool:
    for name in one.signature.names:
        for array, other_array in zip(one.column(name), other.column(name), strict=True):
            if array.dtype != other_array.dtype or array.shape != other_array.shape:
                return False
            if _content(array) != _content(other_array):
                return False
    return one.signature.packing.refusal is not None or one.matrix().tobytes() == other.matrix().tobytes()


def _content(array: Any) -> Any:
    """The bytes of an object array are addresses; where sizes may differ it holds arrays."""
    if not isinstance(array, np.ndarray):
        return array
    if array.dtype != object:
        return array.dtype, array.shape, array.tobytes()
    return array.shape, [_content(value) for value in array.tolist()]


def walked(signature: Signature, form: str, raw: bytes) -> tuple[Walk, Sequence[Any]]:
    walk = Walk(row_schema(signature), 100)
    value, _ = read_json(raw)
    return walk, walk.columns(value) if form == "columns" else walk.instances(value)


def batch_of(signature: Signature, form: str, found: Sequence[Any]) -> Batch:
    if form == "columns":
        return Batch.from_columns(signature, dict(zip(signature.names, found, strict=True)))
    return Batch.from_rows(signature, found)


def raw_text(signature: Signature, form: str, rows: list[list[str]]) -> bytes:
    if form == "columns":
        return strategies.columns_text(signature, rows)
    return strategies.positional_text(rows) if form == "positional" else strategies.objects_text(signature, rows)


@pytest.mark.parametrize("struct_fields", [200, 0], ids=["struct", "dict"])
@pytest.mark.parametrize("form", ["objects", "positional", "columns"])
@given(data=st.data())
@thorough
def test_what_the_fast_decoder_accepts_the_schema_accepts_to_the_same_values(
    form: str, struct_fields: int, data: st.DataObject
) -> None:
    signature = data.draw(strategies.signatures())
    raw = raw_text(signature, form, data.draw(strategies.rows(signature, good=False)))
    fast = FastDecoder(signature, 100, struct_fields)
    try:
        found = fast.columns(raw) if form == "columns" else fast.instances(raw)
    except REFUSALS:
        return
    walk, slow = walked(signature, form, raw)
    assert walk.problems.listed == []
    assert same_values(batch_of(signature, form, found), batch_of(signature, form, slow))


@pytest.mark.parametrize("struct_fields", [200, 0], ids=["struct", "dict"])
@pytest.mark.parametrize("form", ["objects", "positional", "columns"])
@given(data=st.data())
@thorough
def test_the_fast_decoder_takes_every_ordinary_request(form: str, struct_fields: int, data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    rows = data.draw(strategies.rows(signature, good=True))
    raw = raw_text(signature, form, rows)
    if b"\\\\u0000" in raw:
        return  # An escaped backslash before u0000 is the one good text that is left to the schema.
    fast = FastDecoder(signature, 100, struct_fields)
    found = fast.columns(raw) if form == "columns" else fast.instances(raw)
    walk, slow = walked(signature, form, raw)
    assert walk.problems.listed == []
    assert same_values(batch_of(signature, form, found), batch_of(signature, form, slow))


@pytest.mark.parametrize("form", ["objects", "positional"])
@given(data=st.data())
@thorough
def test_passing_over_good_instances_changes_nothing(form: str, data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    raw = raw_text(signature, form, data.draw(strategies.rows(signature, good=False)))
    value, finite = read_json(raw)
    fast = FastDecoder(signature, 100)
    if not finite or fast.may_hold_nul(raw):
        return
    whole, passing = Walk(row_schema(signature), 100), Walk(row_schema(signature), 100, fast.parsed_row)
    rows, other_rows = whole.instances(value), passing.instances(value)
    assert whole.problems.listed == passing.problems.listed
    if not whole.problems.listed:
        assert same_values(Batch.from_rows(signature, rows), Batch.from_rows(signature, other_rows))


@given(data=st.data())
@thorough
def test_the_three_forms_of_a_request_give_the_same_batch(data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    rows = data.draw(strategies.rows(signature, good=True))
    decoder = Decoder(signature, max_instances=10, max_problems=10)
    objects = decoder.decode(strategies.objects_text(signature, rows), None)
    assert same_values(objects, decoder.decode(strategies.positional_text(rows), None))
    assert same_values(objects, decoder.decode(None, strategies.columns_text(signature, rows)))


@given(data=st.data())
@thorough
def test_a_decoder_answers_any_request_with_a_batch_or_with_problems(data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    rows = data.draw(strategies.rows(signature, good=False))
    decoder = Decoder(signature, max_instances=10, max_problems=3)
    for form in ("objects", "positional", "columns"):
        raw = raw_text(signature, form, rows)
        problems: Sequence[Problem] = ()
        n = None
        try:
            n = (decoder.decode(None, raw) if form == "columns" else decoder.decode(raw, None)).n
        except Invalid as error:
            problems = error.problems
        assert (n == len(rows)) != (1 <= len(problems) <= 3)
        assert all(problem.field in {*signature.names, None} for problem in problems)


@given(st.sampled_from(strategies.LITERALS), st.data())
@thorough
def test_number_literals_alone(literal: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(strategies.NUMBER_TYPES))
    low, high = data.draw(st.none() | strategies.bounds), data.draw(st.none() | strategies.bounds)
    try:
        signature = Signature((Field("x", name, minimum=low, maximum=high),), ())
        fast = FastDecoder(signature, 100)
    except SignatureError:
        return
    walk, slow = walked(signature, "positional", f"[[{literal}]]".encode())
    try:
        rows = fast.instances(f"[[{literal}]]".encode())
    except REFUSALS:
        assert walk.problems.listed
    else:
        assert not walk.problems.listed
        assert np.array(rows).tobytes() == np.array(slow).tobytes()


@given(data=st.data(), reference=st.sampled_from([None, "order 7"]), explain=st.booleans())
@thorough
def test_a_body_read_in_one_pass_is_what_its_parts_are(
    data: st.DataObject, reference: str | None, explain: bool
) -> None:
    signature = data.draw(strategies.signatures())
    instances = strategies.objects_text(signature, data.draw(strategies.rows(signature, good=data.draw(st.booleans()))))
    try:
        decoder = Decoder(signature, max_instances=100, max_problems=10)
    except SignatureError:
        return
    beside = {"reference": reference, "explain": explain}
    found = decoder.decode_body(b'{"instances":' + instances + b"," + json.dumps(beside).encode()[1:])
    if found is not None:
        assert found[1:] == (reference, explain)
        assert same_values(found[0], decoder.decode(instances, None))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"instances":[]}',
        b'{"instances":[[1]]}',
        b'{"instances":[{"x":1},{"x":1},{"x":1}]}',
        b'{"instances":[{"x":1}],"other":1}',
        b'{"instances":[{"x":1}],"columns":{"x":[1]}}',
        b'{"instances":[{"x":1}],"parameters":{"a":1}}',
        b'{"instances":[{"x":1}],"explain":1}',
        b'{"instances":[{"x":1}]',
        b'{"instances":[{"x":1}]}x',
    ],
)
def test_a_body_of_another_shape_is_read_in_parts(body: bytes) -> None:
    decoder = Decoder(Signature((Field("x", "float32"),), ()), max_instances=2, max_problems=10)
    assert decoder.decode_body(b'{"instances":[{"x":1}]}') is not None
    assert decoder.decode_body(body) is None
