import colander
import pytest

from mlserve.signature import Field, Signature, row_schema

SIGNATURE = Signature(
    (Field("age", "int32", unit="years", description="Age."), Field("wind", "float32", required=False)), ()
)


def test_one_instance() -> None:
    schema = row_schema(SIGNATURE)
    assert schema.deserialize({"age": 3.0}) == {"age": 3, "wind": None}
    assert [(child.name, child.title, child.description) for child in schema.children] == [
        ("age", "age (years)", "Age."),
        ("wind", "wind", ""),
    ]
    assert schema.children[0].typ.field is SIGNATURE.inputs[0]


def test_unknown_keys_come_beside_bad_values() -> None:
    with pytest.raises(colander.Invalid) as caught:
        row_schema(SIGNATURE).deserialize({"age": "3", "speed": 1})
    assert set(caught.value.asdict()) == {"instance.age", "instance.speed"}


@pytest.mark.parametrize("value", [None, 5, [], "x"])
def test_something_else_is_refused(value: object) -> None:
    with pytest.raises(colander.Invalid):
        row_schema(SIGNATURE).deserialize(value)


def test_serialise() -> None:
    assert row_schema(SIGNATURE).children[1].serialize(1.5) == 1.5


def test_a_wrong_name_is_told_the_only_field() -> None:
    one = row_schema(Signature((Field("pixel_values", "image", shape=(2, 2, 3)),), ()))
    assert one.typ.unknown_field("file", "x").expected == 'a field of this model (did you mean "pixel_values"?)'
