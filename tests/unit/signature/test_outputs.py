import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.errors import PredictionFailed
from mlserve.signature import Field, OutputEncoder, OutputField, Signature

INPUTS = (Field("x", "float32"),)
SIGNATURE = Signature(
    INPUTS,
    (
        OutputField("probability", "float32"),
        OutputField("label", "category", categories=("no", "yes")),
        OutputField("classes", "float32", shape=(2,), categories=("no", "yes")),
        OutputField("trend", "float64", shape=(1, 2)),
        OutputField("count", "int64"),
        OutputField("text", "string"),
    ),
)


@pytest.fixture
def encoder() -> OutputEncoder:
    return OutputEncoder(SIGNATURE)


def encoder_of(*names: str) -> OutputEncoder:
    """The encoder of a signature with these outputs only."""
    return OutputEncoder(Signature(INPUTS, tuple(field for field in SIGNATURE.outputs if field.name in names)))


def outputs(n: int) -> dict[str, Any]:
    return {
        "text": np.array(["a,b", "c"][:n], object),
        "probability": np.array([0.1, -0.0][:n], np.float32),
        "label": np.array([1, 0][:n]),
        "classes": np.array([[0.25, 0.1], [1, 0]][:n], np.float32),
        "trend": np.array([[[0.1, 2]], [[3, 4]]][:n]),
        "count": np.array([2**62 + 1, -1][:n]),
    }


FIRST = (
    b'{"probability":0.1,"label":"yes","classes":{"no":0.25,"yes":0.1},"trend":[[0.1,2.0]],'
    b'"count":4611686018427387905,"text":"a,b"}'
)


def test_one_instance_and_two(encoder: OutputEncoder) -> None:
    assert encoder.encode(outputs(1), 1) == (b"[" + FIRST + b"]", [])
    text, warnings = encoder.encode(outputs(2), 2)
    assert warnings == []
    assert text == (
        b"[" + FIRST + b',{"probability":-0.0,"label":"no","classes":{"no":1.0,"yes":0.0},"trend":[[3.0,4.0]],'
        b'"count":-1,"text":"c"}]'
    )


def test_a_signature_without_outputs_has_an_object_for_each_instance() -> None:
    assert encoder_of().encode({}, 2) == (b"[{},{}]", [])


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["yes", "no"]),
        np.array(["yes", "no"], object),
        np.array([1, 0], np.uint8),
        np.array([True, False]),
        ["yes", "no"],
        [1, 0],
        [np.int64(1), False],
    ],
)
def test_labels_as_texts_or_codes(labels: Any) -> None:
    assert encoder_of("label").encode({"label": labels}, 2)[0] == b'[{"label":"yes"},{"label":"no"}]'


def test_labels_of_any_number_as_lists_or_arrays() -> None:
    several, any_number = (OutputField("y", "category", shape=(size,), categories=("no", "yes")) for size in (2, -1))
    for labels in ([[1, 0], [0, 0]], [["yes", "no"], ["no", "no"]], np.array([[1, 0], [0, 0]], np.uint8)):
        assert one(several, labels, 2)[0] == [["yes", "no"], ["no", "no"]]
    assert one(any_number, [[1, 0], [], ["yes"]], 3)[0] == [["yes", "no"], [], ["yes"]]
    for wrong in ([[2, 0]], [["maybe", "no"]], [[-1, 0]]):
        with pytest.raises(PredictionFailed, match="that the signature does not name"):
            one(several, wrong, 1)


@pytest.mark.parametrize("labels", [np.array([2]), np.array([-1]), np.array(["maybe"]), [2], ["maybe"]])
def test_a_label_that_the_signature_does_not_name(labels: Any) -> None:
    with pytest.raises(PredictionFailed, match="output 'label' that the signature does not name"):
        encoder_of("label").encode({"label": labels}, 1)


def test_non_finite_numbers_are_null_with_a_warning() -> None:
    text, warnings = encoder_of("probability", "classes", "count").encode(
        {
            "probability": np.array([np.nan, 0.5, -np.inf], np.float32),
            "classes": np.array([[0, 1], [np.inf, np.nan], [1, 0]], np.float32),
            "count": np.array([1.0, 2.0, np.nan]),
        },
        3,
    )
    assert json.loads(text) == [
        {"probability": None, "classes": {"no": 0, "yes": 1}, "count": 1},
        {"probability": 0.5, "classes": {"no": None, "yes": None}, "count": 2},
        {"probability": None, "classes": {"no": 1, "yes": 0}, "count": None},
    ]
    assert warnings == [
        {"output": "probability", "instance": 0, "code": "non_finite", "value": "nan"},
        {"output": "probability", "instance": 2, "code": "non_finite", "value": "-inf"},
        {"output": "classes", "instance": 1, "code": "non_finite", "value": "inf"},
        {"output": "count", "instance": 2, "code": "non_finite", "value": "nan"},
    ]


_NUMBERS = st.floats(width=32) | st.sampled_from([0.1, -0.0, 1e-45, 3.4e38, 16777217.0])


@given(st.sampled_from(["float32", "float64"]), st.lists(_NUMBERS, min_size=1, max_size=3))
def test_one_instance_of_plain_floats_is_written_as_among_others(type_: str, numbers: list[float]) -> None:
    names = ["probability", 'a "quoted" name', "100 %"][: len(numbers)]
    of_two = OutputEncoder(Signature(INPUTS, tuple(OutputField(name, type_) for name in names)))
    single = {name: np.array([number], type_) for name, number in zip(names, numbers, strict=True)}
    twice = {name: np.repeat(array, 2) for name, array in single.items()}
    text, warnings = of_two.encode(single, 1)
    among, told = of_two.encode(twice, 2)
    assert b"[" + text[1:-1] + b"," + text[1:-1] + b"]" == among
    assert warnings == [warning for warning in told if warning.get("instance") == 0]


def test_float64_is_written_as_the_declared_float32() -> None:
    text, warnings = encoder_of("probability").encode({"probability": np.array([0.1, 1e300])}, 2)
    assert text == b'[{"probability":0.1},{"probability":null}]'
    assert warnings[0]["value"] == "inf"


def test_layouts_that_are_not_c_order() -> None:
    wide = np.arange(8, dtype=np.float32).reshape(2, 4)
    answer = {"probability": wide[:, 1], "classes": np.asfortranarray(wide[:, :2])}
    text, _ = encoder_of("probability", "classes").encode(answer, 2)
    assert json.loads(text)[1] == {"probability": 5, "classes": {"no": 4, "yes": 5}}


def test_a_number_that_is_none_takes_no_other_of_its_tensor_along() -> None:
    nan = float("nan")
    for type_, values, found in (
        ("int32", [[1, nan, 3], [4, 5, 6]], [[1, None, 3], [4, 5, 6]]),
        ("uint64", [[2.0**63, nan, 0], [nan] * 3], [[2**63, None, 0], [None] * 3]),
        ("bool", [[1, nan, 0], [0, 0, 0]], [[True, None, False], [False] * 3]),
    ):
        rows, warnings = one(OutputField("y", type_, shape=(3,)), np.array(values), 2)
        assert rows == found
        assert {warning["value"] for warning in warnings} == {"nan"}
    rows, warnings = one(OutputField("y", "int8", shape=(-1, 2)), [np.array([[1, nan]]), np.array([[2.0, 3]])], 2)
    assert rows == [[[1, None]], [[2, 3]]]
    assert [warning["instance"] for warning in warnings] == [0]


NAMED = r"and the signature names \['label', 'probability'\]"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, NAMED),
        ({"probability": np.zeros(2)}, NAMED),
        ({"probability": np.zeros(2), "label": np.zeros(2, int), "other": np.zeros(2)}, "'other'"),
        ({"probability": np.zeros(1), "label": np.zeros(1, int)}, r"shape \(1,\) for output 'probability', not \(2,\)"),
        ({"probability": np.zeros(3), "label": np.zeros(3, int)}, r"\(3,\)"),
        ({"probability": np.zeros(()), "label": np.zeros(2, int)}, r"\(\)"),
        ({"probability": np.zeros((2, 1)), "label": np.zeros(2, int)}, r"\(2, 1\)"),
        ({"probability": np.zeros(2), "label": np.zeros(1, int)}, "'label'"),
    ],
)
def test_wrong_outputs_are_the_predictors_fault(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(PredictionFailed, match=says):
        encoder_of("probability", "label").encode(wrong, 2)


def test_the_shape_of_an_output_counts_from_its_second_axis() -> None:
    with pytest.raises(PredictionFailed, match=r"\(2, 3\) for output 'classes', not \(2, 2\)"):
        encoder_of("classes").encode({"classes": np.zeros((2, 3))}, 2)


def one(field: OutputField, answered: Any, n: int) -> tuple[Any, Any]:
    text, warnings = OutputEncoder(Signature(INPUTS, (field,))).encode({"y": answered}, n)
    return [row["y"] for row in json.loads(text)], warnings


@pytest.mark.parametrize(
    "answered",
    [
        [np.array([[1, 2]]), np.zeros((0, 2)), np.array([[3, 4], [np.nan, np.inf]])],
        [[[1, 2]], np.zeros((0, 2), np.float16), [[3, 4], [np.nan, np.inf]]],
    ],
)
def test_outputs_of_any_size(answered: Any) -> None:
    found, warnings = one(OutputField("y", "float32", shape=(-1, 2)), answered, 3)
    assert found == [[[1, 2]], [], [[3, 4], [None, None]]]
    assert warnings == [{"output": "y", "instance": 2, "code": "non_finite", "value": "nan"}]


def test_one_array_for_outputs_of_any_size() -> None:
    field = OutputField("y", "int8", shape=(-1, -1))
    assert one(field, np.arange(6).reshape(1, 2, 3), 1)[0] == [[[0, 1, 2], [3, 4, 5]]]
    assert one(field, np.zeros((2, 0, 3)), 2)[0] == [[], []]
    assert one(field, np.zeros((2, 2, 0)), 2)[0] == [[[], []]] * 2
    rows = np.empty(2, object)
    rows[:] = [np.ones((1, 1)), np.zeros((2, 1), np.int8)]
    assert one(field, rows, 2)[0] == [[[1]], [[0], [0]]]


@pytest.mark.parametrize(
    ("field", "answered", "says"),
    [
        (OutputField("y", "int8", shape=(-1,)), [np.zeros(1)], r"shape \(1,\) for output 'y', not \(2, -1\)"),
        (OutputField("y", "int8", shape=(-1,)), [np.zeros(1), np.zeros((1, 1))], r"\(2, 1, 1\)"),
        (OutputField("y", "int8", shape=(-1, 2)), [np.zeros((1, 2)), np.zeros((1, 3))], r"\(2, 1, 3\)"),
        (OutputField("y", "int8", shape=(-1,)), [[1], [[1], [2, 3]]], "no array"),
        (OutputField("y", "int8", shape=(-1,)), 3, "output 'y'"),
        (OutputField("y", "int8", shape=(2,)), [[1, 2], [3]], "no array"),
        (OutputField("y", "uint8"), np.array([1, 256]), "with what is no uint8"),
        (OutputField("y", "uint64"), np.array([1, -1]), "with what is no uint64"),
        (OutputField("y", "int64"), np.array([1, 2**63], np.uint64), "with what is no int64"),
        (OutputField("y", "int64"), np.array([1, 0.5]), "with what is no int64"),
        (OutputField("y", "int8"), np.array([1.0, 1e30]), "with what is no int8"),
        (OutputField("y", "bytes"), ["a", "b"], "a str for output 'y', not bytes"),
        (OutputField("y", "string"), [b"a", b"b"], "no text"),
        (OutputField("y", "text"), ["a", "\ud800"], "no text"),
        (OutputField("y", "text"), ["a", None], "no text"),
        (OutputField("y", "text"), np.array(["a", 1], object), "output 'y'"),
        (OutputField("y", "string"), [1, 2], "output 'y'"),
        (OutputField("y", "string", shape=(1,)), np.array([[1.5], ["a"]], object), "no text"),
    ],
)
def test_what_an_output_cannot_be(field: OutputField, answered: Any, says: str) -> None:
    with pytest.raises(PredictionFailed, match=says):
        one(field, answered, 2)


@pytest.mark.parametrize("type_", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_whole_numbers_are_written_to_their_ends(type_: str) -> None:
    ends = np.iinfo(type_)
    assert one(OutputField("y", type_), np.array([ends.min, ends.max], type_), 2)[0] == [ends.min, ends.max]


def test_float16_is_its_own_shortest_text() -> None:
    values = np.array([0.1, -0.0, 65504, 6e-8, np.nan, 1 / 3], np.float16)
    text, _ = OutputEncoder(Signature(INPUTS, (OutputField("y", "float16"),))).encode({"y": values}, 6)
    assert text == b'[{"y":0.1},{"y":-0.0},{"y":65500.0},{"y":6e-8},{"y":null},{"y":0.3333}]'
    bits = np.arange(2**16, dtype=np.uint16).view(np.float16)
    every = bits[np.isfinite(bits)]
    found, _ = one(OutputField("y", "float16", shape=(len(every),)), every[None], 1)
    assert np.array(found[0], np.float16).tobytes() == every.tobytes()


def test_bytes_keep_their_nul() -> None:
    assert one(OutputField("y", "bytes"), [b"a\0", b""], 2)[0] == ["YQA=", ""]
    assert one(OutputField("y", "bytes", shape=(-1,)), [[b"a\0", b"b"], []], 2)[0] == [["YQA=", "Yg=="], []]
