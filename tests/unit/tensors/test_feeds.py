"""From a Batch to the arrays that a model's inputs take."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import TYPES, Batch, Decoder, Field, OutputField, Signature
from mlserve.tensors import Feed, changed, column_feed, feeds_of, require_picture

OUTPUT = (OutputField("y", "float32"),)


def fed(feed: Feed, fields: list[Field], instances: list[dict[str, Any]]) -> NDArray[Any]:
    signature = Signature(tuple(fields), OUTPUT)
    decoder = Decoder(signature, max_instances=100, max_problems=3)
    return feed(decoder.decode(json.dumps(instances).encode(), None))


def column(own: Field, field: Field, values: list[Any]) -> NDArray[Any]:
    return fed(column_feed(own, field), [field], [{field.name: value} for value in values])


def matrix(own: Field, fields: list[Field], instances: list[dict[str, Any]]) -> NDArray[Any]:
    (feed,) = feeds_of([own], Signature(tuple(fields), OUTPUT), lambda place, field: pytest.fail("no such feed"))
    return fed(feed, fields, instances)


@pytest.mark.parametrize("own", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("type_", "value"), [("int8", 5), ("bool", True), ("float16", 1.5)])
def test_what_is_missing_is_nan_whatever_the_field_s_type(own: Any, type_: Any, value: Any) -> None:
    array = column(Field("x", own), Field("x", type_, nullable=True), [value, None])
    assert array.dtype == own
    assert array[0] == value
    assert np.isnan(array[1])
    tensor = column(Field("x", own, shape=(2,)), Field("x", type_, shape=(2,), nullable=True), [[value, value], None])
    assert tensor[0].tolist() == [value, value]
    assert np.isnan(tensor[1]).all()


@pytest.mark.parametrize("own", ["float16", "float32", "float64"])
def test_what_is_missing_is_nan_in_a_matrix(own: Any) -> None:
    fields = [Field("a", "int8", nullable=True), Field("b", "bool", nullable=True)]
    fields.append(Field("c", "category", categories=("no", "yes"), nullable=True, unknown="native"))
    found = matrix(
        Field("x", own, shape=(-1,)),
        fields,
        [{"a": 3, "b": True, "c": "yes"}, {"a": None, "b": None, "c": None}, {"a": 0, "b": False, "c": "never"}],
    )
    assert found.dtype == own
    assert found[0].tolist() == [3, 1, 1]
    assert np.isnan(found[1]).all()
    assert found[2].tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("own", "type_"),
    [("int8", "int64"), ("int64", "float64"), ("float32", "float64"), ("uint8", "int8"), ("bool", "int8")],
)
def test_types_that_lose_values_are_refused(own: Any, type_: Any) -> None:
    with pytest.raises(SignatureError, match=f"is {type_}, and the model takes it as {own}"):
        column_feed(Field("x", own), Field("x", type_))
    with pytest.raises(SignatureError, match=f"is {type_}|only a vector of floats"):
        matrix(Field("x", own, shape=(1,)), [Field("a", type_)], [])


@pytest.mark.parametrize("own", sorted(TYPES - {"category", "text", "bytes", "image"}))
@pytest.mark.parametrize("type_", sorted(TYPES - {"category", "bytes", "image"}))
def test_no_value_becomes_another_one(own: Any, type_: Any) -> None:
    """Of whole numbers: a float holds the nearest one."""
    try:
        feed = column_feed(Field("x", own), Field("x", type_))
    except SignatureError:
        return
    values: list[Any] = ["a"] if own == "string" else [True, False] if type_ == "bool" else [0, 1]
    if type_.removeprefix("u").startswith("int"):
        values = [np.iinfo(type_).min, np.iinfo(type_).max]
    found = fed(feed, [Field("x", type_)], [{"x": value} for value in values])
    assert np.isfinite(found.astype(float)).all() if own != "string" else found.tolist() == values
    if not own.startswith("float"):
        assert found.tolist() == values


def test_whole_numbers_beyond_a_float16_need_a_range() -> None:
    with pytest.raises(SignatureError, match=r"may be as large as 2147483648, .* give it a minimum and a maximum"):
        column_feed(Field("x", "float16"), Field("x", "int32"))
    found = column(Field("x", "float16"), Field("x", "int32", minimum=-65504, maximum=65504), [65504, -65504])
    assert found.tolist() == [65504, -65504]


@pytest.mark.parametrize("own", ["int8", "bool", "string"])
def test_what_may_be_missing_is_refused_where_there_is_no_such_value(own: Any) -> None:
    with pytest.raises(SignatureError, match="may be missing"):
        column_feed(Field("x", own), Field("x", own, nullable=True))


def test_a_tensor_of_any_size_cannot_be_missing() -> None:
    with pytest.raises(SignatureError, match="fix its shape"):
        column_feed(Field("x", "float32", shape=(-1,)), Field("x", "float32", shape=(-1,), nullable=True))


def test_categories_are_their_numbers() -> None:
    field = Field("x", "category", categories=("a", "b"), unknown="native")
    assert column(Field("x", "int8"), field, ["b", "a", "z"]).tolist() == [1, 0, 2]
    pairs = Field("x", "category", categories=("a", "b"), shape=(2,))
    assert column(Field("x", "float32", shape=(2,)), pairs, [["b", "a"], ["b", "b"]]).tolist() == [[1, 0], [1, 1]]
    assert column(Field("x", "string"), Field("x", "category", categories=("a",)), ["a"]).tolist() == ["a"]


@pytest.mark.parametrize(("own", "most"), [("int8", 128), ("float16", 2049)])
def test_more_categories_than_the_type_counts_are_refused(own: Any, most: int) -> None:
    names = tuple(map(str, range(most + 1)))
    last = column(Field("x", own), Field("x", "category", categories=names[:most]), [names[most - 1]])
    assert last.tolist() == [most - 1]
    for more in (
        Field("x", "category", categories=names),
        Field("x", "category", categories=names[:most], unknown="native"),
    ):
        with pytest.raises(SignatureError, match=f"has {most + 1} categories, more than {own} can count"):
            column_feed(Field("x", own), more)


def test_instances_of_other_sizes_are_changed_one_by_one() -> None:
    own, field = Field("x", "float32", shape=(-1,)), Field("x", "int8", shape=(-1,))
    found = column(own, field, [[1, 2], [3], []])
    assert [(array.dtype.name, array.tolist()) for array in found] == [
        ("float32", [1, 2]),
        ("float32", [3]),
        ("float32", []),
    ]
    doubled = changed(field, lambda array: array * 2, column_feed(own, field))
    assert [array.tolist() for array in fed(doubled, [field], [{"x": [1]}, {"x": [2]}])] == [[2], [4]]


def test_the_arrays_of_a_batch_stay_as_they_are() -> None:
    field = Field("x", "int64", nullable=True)
    given = np.array([1, 2])
    batch = Batch.from_columns(Signature((field,), OUTPUT), {"x": given})
    column_feed(Field("x", "float64"), field)(batch)
    assert batch.column("x")[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("own", "fields", "words"),
    [
        ([Field("a", "float32"), Field("b", "float32")], [Field("b", "float32")], "inputs are 'a', 'b', not 'b'"),
        (
            [Field("x", "float32", shape=(3,))],
            [Field("a", "float32"), Field("b", "float32")],
            "the signature has 2: only a vector",
        ),
        ([Field("x", "int64", shape=(2,))], [Field("a", "int64"), Field("b", "int64")], "only a vector of floats"),
        ([Field("x", "float32", shape=(2,))], [Field("a", "float32", shape=(1,)), Field("b", "float32")], "the shape"),
        ([Field("x", "float32", shape=(2,))], [Field("a", "string"), Field("b", "float32")], "is string"),
        ([Field("x", "float32")], [Field("x", "category")], "categories"),
    ],
)
def test_signatures_of_other_inputs_are_refused(own: list[Field], fields: list[Field], words: str) -> None:
    with pytest.raises(SignatureError, match=words):
        feeds_of(own, Signature(tuple(fields), OUTPUT), lambda place, field: column_feed(own[place], field))


def test_what_a_matrix_becomes_is_the_family_s() -> None:
    fields = [Field("a", "int8"), Field("b", "int8")]
    own = Field("x", "float64", shape=(2,))
    (feed,) = feeds_of([own], Signature(tuple(fields), OUTPUT), lambda place, field: pytest.fail("none"), np.negative)
    assert fed(feed, fields, [{"a": 1, "b": 2}]).tolist() == [[-1, -2]]


@pytest.mark.parametrize(
    ("own", "field", "axis"),
    [
        (Field("x", "float32", shape=(3, 8, 6)), Field("x", "image", shape=(8, 6, 3)), 0),
        (Field("x", "uint8", shape=(-1, 6, 1)), Field("x", "image", shape=(9, 6, 1)), 2),
        (Field("x", "uint8", shape=(3, -1, -1)), Field("x", "image"), 0),
    ],
)
def test_a_picture_fits_its_tensor(own: Field, field: Field, axis: int) -> None:
    require_picture(own, field, axis, {"float32", "uint8"})


@pytest.mark.parametrize(
    ("own", "field", "axis", "words"),
    [
        (Field("x", "float32", shape=(4, 8, 6)), Field("x", "image"), None, "no tensor of pixels"),
        (Field("x", "int64", shape=(3, 8, 6)), Field("x", "image", shape=(8, 6, 3)), 0, "no tensor of pixels"),
        (Field("x", "float32", shape=(3, 8, 6)), Field("x", "image", shape=(6, 8, 3)), 0, r"model's is \(8, 6, 3\)"),
        (Field("x", "float32", shape=(3, 8, 6)), Field("x", "image"), 0, "has no shape"),
        (Field("x", "float32", shape=(1, -1, -1)), Field("x", "image"), 0, "has no shape"),
        (
            Field("x", "float32", shape=(3, 8, 6)),
            Field("x", "image", shape=(8, 6, 3), nullable=True),
            0,
            "may be missing",
        ),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(own: Field, field: Field, axis: int | None, words: str) -> None:
    with pytest.raises(SignatureError, match=words):
        require_picture(own, field, axis, {"float32", "uint8"})
