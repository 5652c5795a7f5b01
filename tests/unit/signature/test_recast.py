"""A file's inputs in the form that a sidecar asks for."""

import pytest

from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature, channel_axis, complete

MATRIX = Signature((Field("x", "float32", shape=(2,)),), (OutputField("y", "float32"),))


def tensor(*shape: int, type_: str = "float32") -> Signature:
    return Signature((Field("x", type_, shape=shape),), (OutputField("y", "float32"),))


def test_a_matrix_is_named_by_its_columns() -> None:
    inputs = [{"name": "length", "minimum": 0}, {"name": "colour", "type": "category", "categories": ["red", "green"]}]
    completed = complete(MATRIX, {"inputs": inputs})
    assert completed.inputs == (
        Field("length", "float32", minimum=0),
        Field("colour", "category", categories=("red", "green")),
    )


def test_a_matrix_of_any_width_takes_as_many_as_are_named() -> None:
    assert complete(tensor(-1), {"inputs": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}).names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("file", "names"),
    [
        (MATRIX, ["a"]),
        (MATRIX, ["a", "x"]),
        (tensor(2, 2), ["a", "b"]),
        (tensor(2, type_="string"), ["a", "b"]),
    ],
)
def test_anything_else_has_the_file_s_names(file: Signature, names: list[str]) -> None:
    with pytest.raises(SignatureError, match="is not in the model's file"):
        complete(file, {"inputs": [{"name": name} for name in names]})


def test_a_matrix_may_stay_what_it_is() -> None:
    assert complete(MATRIX, {"inputs": [{"name": "x", "minimum": 0}]}).inputs[0].shape == (2,)


@pytest.mark.parametrize(
    ("shape", "given", "expected"),
    [
        ((3, 8, 6), None, (8, 6, 3)),
        ((8, 6, 3), None, (8, 6, 3)),
        ((1, 8, 6), [8, 6, 1], (8, 6, 1)),
        ((3, -1, -1), [8, 6, 3], (8, 6, 3)),
        ((3, -1, -1), None, ()),
    ],
)
def test_a_tensor_is_a_picture(shape: tuple[int, ...], given: list[int] | None, expected: tuple[int, ...]) -> None:
    entry = {"name": "x", "type": "image", **({} if given is None else {"shape": given})}
    assert complete(tensor(*shape), {"inputs": [entry]}).inputs == (Field("x", "image", shape=expected),)


@pytest.mark.parametrize(
    ("file", "more"),
    [
        (tensor(4, 8, 6), {}),
        (tensor(3, 8), {}),
        (tensor(3, 8, 6, type_="int64"), {}),
        (tensor(3, 8, 6), {"shape": [9, 6, 3]}),
        (tensor(1, -1, -1), {}),
        (tensor(3, 8, -1), {}),
    ],
)
def test_a_tensor_that_is_no_picture_stays_one(file: Signature, more: dict[str, object]) -> None:
    with pytest.raises(SignatureError, match="contradicts the model's file"):
        complete(file, {"inputs": [{"name": "x", "type": "image", **more}]})


def test_the_channels_are_first_or_last() -> None:
    assert [channel_axis(shape) for shape in ((3, 8, 6), (8, 6, 1), (8, 6, 4), (3, 3), (3, 3, 3))] == [
        0,
        2,
        None,
        None,
        0,
    ]


@pytest.mark.parametrize(
    ("shape", "given", "told"),
    [((3, 8, 6), [3, 8, 6], r"\[8, 6, 3\]"), ((3, -1, -1), [3, 8, 6], r"\[any, any, 3\]")],
)
def test_another_shape_of_a_picture_is_told_the_right_one(shape: tuple[int, ...], given: list[int], told: str) -> None:
    with pytest.raises(SignatureError, match=f"write height, width, channels: {told}"):
        complete(tensor(*shape), {"inputs": [{"name": "x", "type": "image", "shape": given}]})
