import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve.signature import Batch, Field, Signature

MIXED = Signature(
    (
        Field("carrier", "category", categories=("UA", "AA"), unknown="native", nullable=True),
        Field("late", "bool", nullable=True),
        Field("id", "int64", nullable=True),
        Field("wind", "float32", nullable=True),
    ),
    (),
)
ROWS = [("AA", True, 5, 1.5), (None, None, None, None), ("ZZ", False, -1, -0.0)]
MATRIX = np.array([[1, 1, 5, 1.5], [math.nan] * 4, [2, 0, -1, -0.0]], np.float32)


def columns() -> dict[str, list[object]]:
    return {name: [row[position] for row in ROWS] for position, name in enumerate(MIXED.names)}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_matrix_of_rows_and_of_columns(count: int) -> None:
    from_rows = Batch.from_rows(MIXED, ROWS[:count])
    from_columns = Batch.from_columns(MIXED, {name: values[:count] for name, values in columns().items()})
    for batch in (from_rows, from_columns):
        matrix = batch.matrix()
        assert matrix.tobytes() == MATRIX[:count].tobytes()
        assert matrix.flags.c_contiguous
        assert batch.matrix() is matrix


def test_many_rows_are_packed_as_few_are() -> None:
    many = Batch.from_rows(MIXED, ROWS * 20)
    assert many.matrix().tobytes() == MATRIX.tobytes() * 20
    assert many.matrix().flags.c_contiguous


def test_arrays_as_columns() -> None:
    arrays = {
        "carrier": np.array(["AA", None, "ZZ"], object),
        "late": np.array([True, False, False]),
        "id": np.array([2**62 + 1, 2, 3]),
        "wind": np.array([1.5, math.nan, -0.0], np.float32),
    }
    batch = Batch.from_columns(MIXED, arrays)
    assert batch.values("wind") == [1.5, None, -0.0]
    assert batch.values("id") == [2**62 + 1, 2, 3]
    assert batch.column("carrier")[1].tolist() == [False, True, False]
    expected = np.array([[1, 1, 2**62 + 1, 1.5], [math.nan, 0, 2, math.nan], [2, 0, 3, -0.0]], np.float32)
    assert batch.matrix().tobytes() == expected.tobytes()
    arrays["wind"][0] = 9
    assert batch.column("wind")[0][0] == 1.5


def test_columns_have_their_type_and_mask() -> None:
    batch = Batch.from_rows(MIXED, ROWS)
    assert {name: batch.column(name)[0].dtype.str for name in MIXED.names} == {
        "carrier": "|O",
        "late": "|b1",
        "id": "<i8",
        "wind": "<f4",
    }
    for name in MIXED.names:
        assert batch.column(name)[1].tolist() == [False, True, False]
    assert batch.column("carrier")[0].tolist() == ["AA", None, "ZZ"]
    assert math.isnan(batch.column("wind")[0][1])
    assert math.copysign(1, batch.column("wind")[0][2]) == -1


def test_everything_is_read_only() -> None:
    batch = Batch.from_rows(MIXED, ROWS)
    with pytest.raises(ValueError, match="read-only"):
        batch.matrix()[0, 0] = 1
    for array in batch.column("wind"):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    "field", [Field("bad", "string"), Field("bad", "float32", shape=(1,)), Field("bad", "bool", shape=(2, 2))]
)
def test_no_matrix_of_strings_and_tensors(field: Field) -> None:
    with pytest.raises(TypeError, match="'bad'"):
        Batch.from_rows(Signature((field,), ()), [("x",)]).matrix()


def test_tensors_and_their_missing_values() -> None:
    signature = Signature((Field("grid", "int64", shape=(2,), nullable=True),), ())
    array, mask = Batch.from_rows(signature, [([2**62 + 1, 2],), (None,)]).column("grid")
    assert array.tolist() == [[2**62 + 1, 2], [0, 0]]
    assert mask.tolist() == [False, True]
    texts = Signature((Field("words", "string", shape=(2,)),), ())
    assert Batch.from_rows(texts, [(["a", "b"],)]).column("words")[0].tolist() == [["a", "b"]]


@given(st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None)
def test_int64_is_rounded_once(value: int) -> None:
    signature = Signature((Field("id", "int64"),), ())
    direct = np.array([value], np.int64).astype(np.float32)
    assert Batch.from_rows(signature, [(value,)]).matrix().tobytes() == direct.tobytes()
    assert Batch.from_rows(signature, [(value,), (value,)]).matrix()[1].tobytes() == direct.tobytes()


def test_a_float64_beyond_float32_is_infinite() -> None:
    signature = Signature((Field("x", "float64", nullable=True), Field("y", "float32")), ())
    matrix = Batch.from_rows(signature, [(1e300, 0.1), (-1e300, 0.5), (None, 0.1)]).matrix()
    assert matrix.tolist()[:2] == [[math.inf, float(np.float32(0.1))], [-math.inf, 0.5]]
    assert math.isnan(matrix[2, 0])


@given(st.lists(st.tuples(*[st.floats(width=64, allow_nan=False, min_value=-3e38, max_value=3e38)] * 3), min_size=1))
@settings(deadline=None)
def test_the_matrix_rounds_as_numpy_does(rows: list[tuple[float, ...]]) -> None:
    signature = Signature(tuple(Field(name, "float32") for name in "abc"), ())
    assert Batch.from_rows(signature, rows).matrix().tobytes() == np.array(rows, np.float32).tobytes()


def test_arrays_of_any_size_are_an_object_array() -> None:
    signature = Signature((Field("x", "float32", shape=(-1, 2), nullable=True), Field("b", "bytes")), ())
    batch = Batch.from_rows(signature, [([[1, 2]], b"a"), ([], b""), (None, b"c\0")])
    column, missing = batch.column("x")
    assert (column.dtype, column.shape, missing.tolist()) == (object, (3,), [False, False, True])
    assert [None if one is None else (one.dtype, one.shape) for one in column] == [
        (np.float32, (1, 2)),
        (np.float32, (0, 2)),
        None,
    ]
    assert not column[0].flags.writeable
    assert batch.values("x") == [[[1, 2]], [], None]
    assert batch.column("b")[0].tolist() == [b"a", b"", b"c\0"]
    with pytest.raises(TypeError, match="field 'x' is a tensor"):
        batch.matrix()
    again = Batch.from_columns(signature, {"x": column, "b": [b"a", b"", b"c"]})
    assert [one is None or one.shape for one in again.column("x")[0]] == [(1, 2), (0, 2), True]
    assert again.values("x") == [[[1.0, 2.0]], [], None]
    whole = Batch.from_columns(signature, {"x": np.zeros((2, 3, 2)), "b": [b"", b""]})
    assert [one.shape for one in whole.column("x")[0]] == [(3, 2), (3, 2)]


def test_the_matrix_holds_what_the_types_hold() -> None:
    signature = Signature((Field("half", "float16"), Field("big", "uint64"), Field("small", "int8")), ())
    big = 2**64 - 2**39 - 1  # Through a double it would be rounded up, to the next float32.
    rows = Batch.from_rows(signature, [(0.1, big, -128)])
    expected = [float(np.float16(0.1)), float(np.float32(np.uint64(big))), -128.0]
    assert rows.matrix().tolist() == [expected]
    given = {"half": np.array([0.1]), "big": np.array([big], np.uint64), "small": np.array([-128])}
    assert Batch.from_columns(signature, given).matrix().tolist() == [expected]
