"""The outputs of a signature, made of a model's numbers."""

import numpy as np
import pytest

from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature
from mlserve.trees import Answer, Outputs

PROBABILITY = OutputField("probability", "float32")
THREE = OutputField("probability", "float32", (3,))
BINARY = Answer("binary", PROBABILITY, 2, "probability")


def label(**attributes: object) -> OutputField:
    return OutputField("label", "category", **{"categories": ("no", "yes"), **attributes})  # type: ignore[arg-type]


def answered(answer: Answer, values: list[list[float]], *outputs: OutputField) -> dict[str, list[object]]:
    found = Outputs(answer, Signature((Field("a", "float64"),), outputs))(np.array(values, np.float32))
    return {name: array.tolist() for name, array in found.items()}


def test_a_single_number_has_no_axis_of_its_own() -> None:
    assert answered(BINARY, [[0.25], [0.5]], PROBABILITY) == {"probability": [0.25, 0.5]}
    assert answered(Answer("multi", THREE, 3), [[0.5, 0.25, 0.25]], THREE) == {"probability": [[0.5, 0.25, 0.25]]}


def test_a_label_is_the_second_class_from_its_threshold_on() -> None:
    assert answered(BINARY, [[0.4], [0.5]], PROBABILITY, label())["label"] == [0, 1]
    # As float32, 0.7 is a little less than the threshold is as float64.
    assert answered(BINARY, [[0.7], [0.69]], label(threshold=0.7))["label"] == [1, 0]
    odds = Answer("odds", OutputField("margin", "float32"), 2, "log-odds")
    for threshold, right in ((0.5, [0, 1]), (0.0, [1, 1]), (1.0, [0, 0])):
        assert answered(odds, [[-1], [1]], label(threshold=threshold))["label"] == right


def test_a_label_of_several_is_the_likeliest() -> None:
    names = label(categories=("a", "b", "c"))
    assert answered(Answer("multi", THREE, 3), [[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]], THREE, names)["label"] == [1, 0]


@pytest.mark.parametrize(
    ("answer", "output", "sentence"),
    [
        (BINARY, OutputField("value", "float32"), "answers 'probability' and, where its categories are given, 'label'"),
        (BINARY, OutputField("probability", "float32", (2,)), r"the model answers float32 \(\)"),
        (BINARY, OutputField("probability", "int32"), "as int32"),
        (BINARY, label(categories=("a", "b", "c")), "needs 2 categories and has 3"),
        (BINARY, label(threshold=1.5), "it is a probability, 0 to 1"),
        (BINARY, OutputField("label", "float32"), "cannot be of type float32"),
        (BINARY, OutputField("label", "int32", (2,)), "cannot have the shape"),
        (Answer("multi", THREE, 2), label(threshold=0.5), "has no threshold"),
        (Answer("regression", PROBABILITY), label(), "has no classes to name"),
    ],
)
def test_what_a_model_does_not_answer_is_refused(answer: Answer, output: OutputField, sentence: str) -> None:
    with pytest.raises(SignatureError, match=sentence):
        Outputs(answer, Signature((Field("a", "float64"),), (output,)))
