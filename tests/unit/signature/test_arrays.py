"""Typed columns are read as JSON is: to the same Batch, or to the same problems."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlserve.errors import Invalid, TooLarge
from mlserve.signature import Batch, Decoder, Field, Signature, StoredInputs
from mlserve.signature.ranges import range_of
from tests.unit.signature import strategies
from tests.unit.signature.test_agreement import same_arrays

NAN = float("nan")


def decoder_of(*fields: Field) -> Decoder:
    return Decoder(Signature(fields, ()), max_instances=10, max_problems=10)


def read(field: Field, column: Any) -> Batch:
    return decoder_of(field).decode_arrays({field.name: column})


def problems(decoder: Decoder, columns: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        decoder.decode_arrays(columns)
    return [(problem.pointer, problem.code) for problem in refused.value.problems]


def refused(field: Field, column: Any) -> list[tuple[str, str]]:
    return problems(decoder_of(field), {field.name: column})


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_lists_are_judged_as_json_is(data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    raw = strategies.columns_text(signature, data.draw(strategies.rows(signature, good=data.draw(st.booleans()))))
    decoder = Decoder(signature, max_instances=10, max_problems=100)
    columns = json.loads(raw.replace(b"9" * 4301, b"1e999"))
    outcomes: list[Any] = []
    for read_it in (lambda: decoder.decode(None, raw), lambda: decoder.decode_arrays(columns)):
        try:
            outcomes.append(read_it())
        except Invalid as error:
            outcomes.append([(problem.pointer, problem.code) for problem in error.problems])
    one, other = outcomes
    assert same_arrays(one, other) if isinstance(one, Batch) and isinstance(other, Batch) else one == other


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_arrays_are_judged_as_their_values_are(data: st.DataObject) -> None:
    field = data.draw(
        strategies.fields("x").filter(
            lambda field: field.type in ("bool", *strategies.NUMBER_TYPES) and strategies.has_values(field)
        )
    )
    type_ = data.draw(st.sampled_from(["bool", *strategies.NUMBER_TYPES]))
    shape = [data.draw(st.integers(1, 3)), *(data.draw(st.integers(1, 2)) if s < 0 else s for s in field.shape)]
    info = range_of(Field("y", type_))
    ends = st.booleans() if info is None else st.integers(-200, 300) | st.sampled_from([info.low, info.high])
    values = data.draw(st.lists(ends, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    if info is not None:
        values = [min(max(value, info.low), info.high) for value in values]
    array = np.array(values, type_).reshape(shape)
    decoder = decoder_of(field)
    outcomes: list[Any] = []
    for column in (array, array.tolist()):
        try:
            outcomes.append(decoder.decode_arrays({"x": column}))
        except Invalid as error:
            outcomes.append([(problem.pointer, problem.code, problem.got) for problem in error.problems])
    one, other = outcomes
    assert same_arrays(one, other) if isinstance(one, Batch) and isinstance(other, Batch) else one == other


def test_every_type_of_array() -> None:
    signature = Signature(
        (
            Field("flag", "bool"),
            Field("half", "float16"),
            Field("big", "uint64"),
            Field("grid", "int8", shape=(2,)),
            Field("tail", "float32", shape=(-1, 2)),
            Field("word", "category", categories=("a", "b")),
            Field("note", "text"),
            Field("file", "bytes"),
            Field("words", "string", shape=(2,)),
        ),
        (),
    )
    columns = {
        "flag": np.array([True, False]),
        "half": np.array([0.1, 2], np.float64),
        "big": np.array([2**64 - 1, 0], np.uint64),
        "grid": np.array([[1, 2], [3, -128]], np.int64),
        "tail": [np.zeros((1, 2)), np.zeros((0, 2), np.int16)],
        "word": np.array(["a", "b"]),
        "note": np.array([b"caf\xc3\xa9", b"line\n"], object),
        "file": np.array([b"\0\xff", b""], object),
        "words": np.array([["x", "y"], ["", "z"]], object),
    }
    batch = Decoder(signature, max_instances=2, max_problems=2).decode_arrays(columns)
    assert batch.column("half")[0].tolist() == [0.0999755859375, 2.0]
    assert batch.values("big") == [2**64 - 1, 0]
    assert (batch.column("grid")[0].dtype, batch.values("grid")) == (np.int8, [[1, 2], [3, -128]])
    assert [array.shape for array in batch.column("tail")[0]] == [(1, 2), (0, 2)]
    assert batch.values("note") == ["café", "line\n"]
    assert batch.values("file") == [b"\0\xff", b""]
    assert batch.values("words") == [["x", "y"], ["", "z"]]
    stored = StoredInputs(signature)
    assert same_arrays(stored.decode(stored.encode(batch)), batch)


def test_nan_is_missing_where_that_may_be() -> None:
    batch = read(Field("x", "float64", nullable=True), np.array([1.0, NAN]))
    assert batch.values("x") == [1.0, None]
    batch = read(Field("x", "int32", nullable=True), np.array([1.0, NAN]))
    assert (batch.values("x"), batch.column("x")[1].tolist()) == ([1, None], [False, True])
    batch = read(Field("x", "float32", shape=(2,), nullable=True), np.array([[NAN, NAN], [1, 2]]))
    assert batch.values("x") == [None, [1.0, 2.0]]
    batch = read(Field("x", "float32", shape=(-1,), nullable=True), np.array([[NAN, NAN], [1, 2]]))
    assert (batch.values("x"), batch.column("x")[1].tolist()) == ([None, [1.0, 2.0]], [True, False])
    batch = read(Field("x", "string", nullable=True), ["a", None])
    assert batch.values("x") == ["a", None]
    assert decoder_of(Field("x", "int8"), Field("y", "int8", required=False)).decode_arrays(
        {"x": np.array([1])}
    ).values("y") == [None]


@pytest.mark.parametrize(
    ("field", "column", "found"),
    [
        (Field("x", "float64"), np.array([1.0, NAN]), [("/columns/x/1", "null")]),
        (Field("x", "float64", nullable=True), np.array([np.inf, 1.0]), [("/columns/x/0", "overflow")]),
        (Field("x", "float64"), [1.0, float("inf")], [("/columns/x/1", "overflow")]),
        (Field("x", "float16"), np.array([65504.0, 65505.0]), [("/columns/x/1", "overflow")]),
        (Field("x", "float32"), np.array([1e39]), [("/columns/x/0", "overflow")]),
        (Field("x", "float32", shape=(2,), nullable=True), np.array([[1, NAN]]), [("/columns/x/0/1", "type")]),
        (Field("x", "int8"), np.array([127, 128]), [("/columns/x/1", "overflow")]),
        (Field("x", "uint8"), np.array([-1], np.int8), [("/columns/x/0", "overflow")]),
        (Field("x", "int64"), np.array([2**63], np.uint64), [("/columns/x/0", "overflow")]),
        (Field("x", "int64"), np.array([2.0**63]), [("/columns/x/0", "overflow")]),
        (Field("x", "int64"), np.array([0.5]), [("/columns/x/0", "type")]),
        (Field("x", "int64"), np.array([True]), [("/columns/x/0", "type")]),
        (Field("x", "float64", minimum=0.5), np.array([0, 1]), [("/columns/x/0", "range")]),
        (Field("x", "bool"), np.array([1]), [("/columns/x/0", "type")]),
        (Field("x", "float64"), np.array([1j]), [("/columns/x/0", "type")]),
        (Field("x", "float64"), np.array(["1"]), [("/columns/x/0", "type")]),
        (Field("x", "float64"), np.array(["2026-01-01"], "datetime64[D]"), [("/columns/x/0", "type")]),
        (Field("x", "float64"), [object()], [("/columns/x/0", "type")]),
        (Field("x", "string"), np.array([1.0]), [("/columns/x/0", "type")]),
        (Field("x", "string"), [b"\xff"], [("/columns/x/0", "type")]),
        (Field("x", "string"), ["a\0"], [("/columns/x/0", "nul")]),
        (Field("x", "category", categories=("a",)), np.array(["a", "b"]), [("/columns/x/1", "category")]),
        (Field("x", "bytes"), ["AA="], [("/columns/x/0", "base64")]),
        (Field("x", "bytes"), np.array([1]), [("/columns/x/0", "type")]),
        (Field("x", "float32", shape=(2,)), np.zeros((1, 3)), [("/columns/x", "shape")]),
        (Field("x", "float32", shape=(2,)), np.zeros(1), [("/columns/x", "shape")]),
        (Field("x", "float32"), np.zeros((1, 1)), [("/columns/x", "shape")]),
        (Field("x", "float32", shape=(-1, 2)), [np.zeros((3, 2)), np.zeros((3, 3))], [("/columns/x/1", "shape")]),
        (Field("x", "int8", shape=(-1,)), [np.array([1, 200])], [("/columns/x/0/1", "overflow")]),
        (Field("x", "int8", shape=(-1, -1)), [[[1], [2, 3]]], [("/columns/x/0/1", "shape")]),
        (Field("x", "float32"), 1.0, [("/columns", "empty"), ("/columns/x", "type")]),
        (Field("x", "float32"), np.zeros(0), [("/columns", "empty")]),
        (Field("x", "float32"), np.float32(1), [("/columns", "empty"), ("/columns/x", "type")]),
    ],
)
def test_what_does_not_fit(field: Field, column: Any, found: list[tuple[str, str]]) -> None:
    assert refused(field, column) == found


def test_columns_that_are_not_the_model_s() -> None:
    decoder = decoder_of(Field("x", "int8"), Field("y", "int8"), Field("z", "int8"))
    columns = {"x": np.array([1, 2]), "y": np.array([1, 2, 3]), "w/w": [1, 2], "z": [1, 2]}
    assert problems(decoder, columns) == [("/columns/y", "length"), ("/columns/w~1w", "unknown_field")]
    assert problems(decoder, {"x": [1], "y": [1]}) == [("/columns/z", "required")]
    with pytest.raises(TooLarge):
        decoder.decode_arrays({"x": np.zeros(11, np.int8)})


def test_the_problems_end_at_their_limit() -> None:
    with pytest.raises(Invalid) as refused:
        decoder_of(Field("x", "int8", shape=(1000,))).decode_arrays({"x": np.full((5, 1000), 200)})
    assert (len(refused.value.problems), refused.value.more) == (10, True)


def test_the_caller_s_array_may_change_later() -> None:
    array = np.array([1.0, 2.0], np.float32)
    batch = read(Field("x", "float32"), array)
    array[0] = 9
    assert batch.column("x")[0].tolist() == [1.0, 2.0]
    assert not batch.column("x")[0].flags.writeable


TIMES = np.array(["2026-01-02", "2026-01-03"], "datetime64[ns]")


@pytest.mark.parametrize("column", [TIMES, list(TIMES), TIMES - TIMES[0], np.zeros(2, "i4,i4"), np.zeros(2, "V8")])
@pytest.mark.parametrize("field", [Field("x", "int64"), Field("x", "float64"), Field("x", "string")])
def test_times_durations_and_records_are_no_values_of_any_type(field: Field, column: Any) -> None:
    assert refused(field, column) == [("/columns/x/0", "type"), ("/columns/x/1", "type")]


def test_times_are_no_tensor_either() -> None:
    field = Field("x", "int64", shape=(2,))
    assert refused(field, TIMES[np.newaxis]) == [("/columns/x/0", "type")]
    assert refused(field, [[TIMES[0], 1]]) == [("/columns/x/0/0", "type")]


@pytest.mark.parametrize("type_", ["int64", "float32", "bool", "string"])
def test_what_is_masked_is_missing(type_: Any) -> None:
    values = np.array([1, 0], "U1" if type_ == "string" else type_)
    batch = read(Field("x", type_, nullable=True), np.ma.masked_array(values, [False, True]))
    assert batch.column("x")[1].tolist() == [False, True]
    assert [value is None for value in batch.values("x")] == [False, True]
    assert refused(Field("x", type_), np.ma.masked_array(values, [False, True])) == [("/columns/x/1", "null")]
    whole = read(Field("x", type_), np.ma.masked_array(values, False))
    assert same_arrays(whole, read(Field("x", type_), values))


def test_a_tensor_is_missing_where_all_of_it_is_masked() -> None:
    field = Field("x", "int8", shape=(2,), nullable=True)
    values = np.array([[1, 2], [3, 4]])
    rows = np.ma.masked_array(values, [[False, False], [True, True]])
    for column in (rows, [rows[0], rows[1]]):
        assert read(field, column).values("x") == [[1, 2], None]
    assert refused(field, np.ma.masked_array(values, [[True, False], [False, False]])) == [("/columns/x/0/0", "type")]


def test_a_tensor_of_nan_is_missing_in_a_list_of_arrays_too() -> None:
    field = Field("x", "float32", shape=(-1,), nullable=True)
    batch = read(field, [np.array([NAN, NAN]), np.array([1.0]), np.zeros(0)])
    assert batch.column("x")[1].tolist() == [True, False, False]
    assert refused(Field("x", "float32", shape=(-1,)), [np.array([NAN])]) == [("/columns/x/0/0", "type")]
