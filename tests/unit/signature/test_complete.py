from typing import Any

import pytest

from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature, complete

FILE = Signature(
    (Field("carrier", "category", categories=("AA", "UA")), Field("hour", "float32"), Field("wind", "float32")),
    (OutputField("probability", "float32"),),
)
UNNAMED = Signature((Field("f0", "float32"), Field("f1", "float32")), FILE.outputs)


def test_attributes_come_from_the_sidecar() -> None:
    done = complete(
        FILE,
        {
            "inputs": [
                {"name": "wind", "nullable": True, "unit": "mph", "minimum": 0, "keep": "omit"},
                {"name": "hour", "type": "int32", "example": 5},
            ],
            "outputs": [
                {"name": "probability", "description": "That it is late."},
                {"name": "label", "type": "category", "categories": ["no", "yes"], "threshold": 0.5},
            ],
        },
    )
    assert done.inputs[0] == FILE.inputs[0]
    assert done.inputs[1] == Field("hour", "int32", example=5)
    assert done.inputs[2] == Field("wind", "float32", nullable=True, unit="mph", minimum=0, keep="omit")
    assert done.outputs[0].description == "That it is late."
    assert done.outputs[1] == OutputField("label", "category", categories=("no", "yes"), threshold=0.5)


def test_an_empty_sidecar_and_a_whole_signature_change_nothing() -> None:
    assert complete(FILE, {}) == FILE
    assert complete(FILE, FILE) == FILE


def test_a_file_without_names_takes_those_of_the_sidecar() -> None:
    done = complete(UNNAMED, {"inputs": [{"name": "hour", "type": "int32"}, {"name": "wind"}]})
    assert [(field.name, field.type) for field in done.inputs] == [("hour", "int32"), ("wind", "float32")]


def test_placeholders_can_be_described_by_name() -> None:
    assert complete(UNNAMED, {"inputs": [{"name": "f1", "unit": "m"}]}).inputs[1].unit == "m"


def test_categories_that_the_file_lacks_come_from_the_sidecar() -> None:
    file = Signature((Field("carrier", "category"),), ())
    with pytest.raises(SignatureError, match="'carrier'"):
        complete(file, {})
    done = complete(file, {"inputs": [{"name": "carrier", "categories": ["UA", "AA"]}]})
    assert done.inputs[0].categories == ("UA", "AA")


@pytest.mark.parametrize(
    ("sidecar", "named"),
    [
        ({"inputs": [{"name": "speed"}]}, "'speed'"),
        ({"inputs": [{"name": "hour"}, {"name": "hour"}]}, "'hour'"),
        ({"inputs": [{"unit": "mph"}]}, "'name'"),
        ({"inputs": {"name": "hour"}}, "'inputs'"),
        ({"inputs": [{"name": "hour", "type": "string"}]}, "'hour'"),
        ({"inputs": [{"name": "carrier", "type": "float32"}]}, "'carrier'"),
        ({"inputs": [{"name": "carrier", "categories": ["UA", "AA"]}]}, "'categories'"),
        ({"inputs": [{"name": "carrier", "categories": 5}]}, "'categories'"),
        ({"inputs": [{"name": "carrier", "categories": "AA"}]}, "'categories'"),
        ({"inputs": [{"name": "hour", "type": ["float32"]}]}, "'hour': type ['float32']"),
        ({"inputs": [{"name": "hour", "type": {}}]}, "'hour'"),
        ({"inputs": [{"name": "hour", "type": None}]}, "'hour'"),
        ({"inputs": [{"name": "hour", "shape": [2]}]}, "'shape'"),
        ({"inputs": [{"name": "hour", "colour": 1}]}, "'colour'"),
        ({"inputs": [{"name": "hour"}, {"name": "carrier"}, {"name": "wind"}]}, "order"),
        ({"inputs": [{"name": "hour", "example": "x"}]}, "'example'"),
        ({"outputs": [{"name": "score", "type": "float32"}]}, "'score'"),
        ({"input": []}, "'input'"),
    ],
)
def test_a_contradiction_is_named(sidecar: dict[str, Any], named: str) -> None:
    with pytest.raises(SignatureError) as caught:
        complete(FILE, sidecar)
    assert named in caught.value.detail


def test_the_number_of_names_must_agree() -> None:
    with pytest.raises(SignatureError, match="'a'"):
        complete(UNNAMED, {"inputs": [{"name": "a"}, {"name": "b"}, {"name": "c"}]})


@pytest.mark.parametrize(
    ("file", "said", "becomes"),
    [
        (Field("x", "float32"), {"type": "uint64"}, Field("x", "uint64")),
        (Field("x", "float32"), {"type": "float16"}, Field("x", "float16")),
        (Field("x", "int16"), {"type": "uint8"}, Field("x", "uint8")),
        (Field("x", "uint64"), {"type": "int32"}, None),
        (Field("x", "int32"), {"type": "float32"}, None),
        (Field("x", "string"), {"type": "text"}, Field("x", "text")),
        (Field("x", "bytes"), {"type": "image"}, Field("x", "image")),
        (Field("x", "bytes"), {"type": "string"}, None),
        (Field("x", "int64", shape=(-1, 3)), {"shape": [5, 3]}, Field("x", "int64", shape=(5, 3))),
        (Field("x", "int64", shape=(4, 3)), {"shape": [-1, 3]}, None),
        (Field("x", "int64", shape=(4, 3)), {"shape": [4]}, None),
        (Field("x", "int64", shape=(-1,)), {"example": [1, 2]}, Field("x", "int64", shape=(-1,), example=[1, 2])),
        (Field("x", "bytes"), {"example": "AA="}, None),
    ],
)
def test_types_and_sizes_become_narrower_only(file: Field, said: dict[str, Any], becomes: Field | None) -> None:
    sidecar = {"inputs": [{"name": "x", **said}]}
    if becomes is None:
        with pytest.raises(SignatureError, match="input 'x'"):
            complete(Signature((file,), ()), sidecar)
    else:
        assert complete(Signature((file,), ()), sidecar).inputs == (becomes,)


def test_a_narrower_type_has_no_bounds_that_it_cannot_hold() -> None:
    ends: dict[str, Any] = {"minimum": -1e30, "maximum": 1e30}
    file = Signature(
        (Field("a", "float64", **ends), Field("b", "float64", **ends), Field("c", "float64", minimum=0)),
        (OutputField("y", "float32"),),
    )
    kinds = {"a": "bool", "b": "int64", "c": "int64"}
    found = complete(file, {"inputs": [{"name": name, "type": kind} for name, kind in kinds.items()]}).inputs
    assert [(field.type, field.minimum, field.maximum) for field in found] == [
        ("bool", None, None),
        ("int64", None, None),
        ("int64", 0, None),
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("int", "int32"), ("Float", "float32"), ("flaot64", "float64"), ("str", "string"), (7, "one of")],
)
def test_a_type_that_is_none_is_told_the_nearest(said: object, meant: str) -> None:
    file = Signature((Field("x", "float64"),), (OutputField("value", "float64"),))
    with pytest.raises(SignatureError, match=f"type {said!r} is none: did you mean {meant}"):
        complete(file, {"inputs": [{"name": "x", "type": said}]})
