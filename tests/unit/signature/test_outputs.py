import json
from typing import Any

import numpy as np
import pytest

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
    [np.array(["yes", "no"]), np.array(["yes", "no"], object), np.array([1, 0], np.uint8), np.array([True, False])],
)
def test_labels_as_texts_or_codes(labels: Any) -> None:
    assert encoder_of("label").encode({"label": labels}, 2)[0] == b'[{"label":"yes"},{"label":"no"}]'


@pytest.mark.parametrize("labels", [np.array([2]), np.array([-1]), np.array(["maybe"])])
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


def test_float64_is_written_as_the_declared_float32() -> None:
    text, warnings = encoder_of("probability").encode({"probability": np.array([0.1, 1e300])}, 2)
    assert text == b'[{"probability":0.1},{"probability":null}]'
    assert warnings[0]["value"] == "inf"


def test_layouts_that_are_not_c_order() -> None:
    wide = np.arange(8, dtype=np.float32).reshape(2, 4)
    answer = {"probability": wide[:, 1], "classes": np.asfortranarray(wide[:, :2])}
    text, _ = encoder_of("probability", "classes").encode(answer, 2)
    assert json.loads(text)[1] == {"probability": 5, "classes": {"no": 4, "yes": 5}}


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
