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
    assert encoder.encode(outputs(1)) == (b"[" + FIRST + b"]", [])
    text, warnings = encoder.encode(outputs(2))
    assert warnings == []
    assert text == (
        b"[" + FIRST + b',{"probability":-0.0,"label":"no","classes":{"no":1.0,"yes":0.0},"trend":[[3.0,4.0]],'
        b'"count":-1,"text":"c"}]'
    )


def test_some_outputs_only(encoder: OutputEncoder) -> None:
    assert encoder.encode({"probability": np.array([0.5], np.float32)})[0] == b'[{"probability":0.5}]'


@pytest.mark.parametrize(
    "labels",
    [np.array(["yes", "no"]), np.array(["yes", "no"], object), np.array([1, 0], np.uint8), np.array([True, False])],
)
def test_labels_as_texts_or_codes(encoder: OutputEncoder, labels: Any) -> None:
    assert encoder.encode({"label": labels})[0] == b'[{"label":"yes"},{"label":"no"}]'


@pytest.mark.parametrize("labels", [np.array([2]), np.array([-1]), np.array(["maybe"])])
def test_a_label_that_the_signature_does_not_name(encoder: OutputEncoder, labels: Any) -> None:
    with pytest.raises(PredictionFailed, match="'label'"):
        encoder.encode({"label": labels})


def test_non_finite_numbers_are_null_with_a_warning(encoder: OutputEncoder) -> None:
    text, warnings = encoder.encode(
        {
            "probability": np.array([np.nan, 0.5, -np.inf], np.float32),
            "classes": np.array([[0, 1], [np.inf, np.nan], [1, 0]], np.float32),
            "count": np.array([1.0, 2.0, np.nan]),
        }
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


def test_float64_is_written_as_the_declared_float32(encoder: OutputEncoder) -> None:
    text, warnings = encoder.encode({"probability": np.array([0.1, 1e300])})
    assert text == b'[{"probability":0.1},{"probability":null}]'
    assert warnings[0]["value"] == "inf"


def test_layouts_that_are_not_c_order(encoder: OutputEncoder) -> None:
    wide = np.arange(8, dtype=np.float32).reshape(2, 4)
    text, _ = encoder.encode({"probability": wide[:, 1], "classes": np.asfortranarray(wide[:, :2])})
    assert json.loads(text)[1] == {"probability": 5, "classes": {"no": 4, "yes": 5}}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"other": np.zeros(1)},
        {"probability": np.zeros((1, 1))},
        {"classes": np.zeros((1, 3))},
        {"probability": np.zeros(2), "label": np.zeros(1, int)},
    ],
)
def test_wrong_outputs_are_the_predictors_fault(encoder: OutputEncoder, wrong: dict[str, Any]) -> None:
    with pytest.raises(PredictionFailed):
        encoder.encode(wrong)
