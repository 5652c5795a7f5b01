"""The answers of a tensor model by name, and what a signature may say of them."""

import numpy as np
import pytest

from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature
from mlserve.tensors import Outputs

OWN = (OutputField("scores", "float32", shape=(2,)), OutputField("code", "int64"))
LABEL = OutputField("label", "category", categories=("no", "yes"))


def signature(*outputs: OutputField) -> Signature:
    return Signature((Field("x", "float32"),), outputs)


def test_answers_are_named_and_labels_made_of_them() -> None:
    answers = Outputs(OWN, signature(*OWN, LABEL))([np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([7, 8])])
    assert [*answers] == ["scores", "code", "label"]
    assert answers["label"].tolist() == [1, 0]
    assert answers["code"].tolist() == [7, 8]


def test_classes_may_be_named_and_sizes_left_open() -> None:
    named = OutputField("code", "category", categories=("a", "b"))
    Outputs(OWN, signature(OutputField("scores", "float32", shape=(-1,)), named))
    Outputs([OutputField("scores", "float32", shape=(-1,))], signature(OWN[0]))


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([OWN[1], OWN[0]], "'scores', 'code', and the signature does not begin with them"),
        ([OWN[0]], "does not begin with them"),
        ([OutputField("scores", "float64", shape=(2,)), OWN[1]], "is float64, and the model gives float32"),
        ([OWN[0], OutputField("code", "int8")], "is int8, and the model gives int64"),
        ([OutputField("scores", "float32", shape=(3,)), OWN[1]], r"shape \(3,\), and the model's is \(2,\)"),
        ([OutputField("scores", "float32"), OWN[1]], r"the shape \(\)"),
    ],
)
def test_what_the_model_does_not_answer_is_refused(outputs: list[OutputField], words: str) -> None:
    with pytest.raises(SignatureError, match=words):
        Outputs(OWN, signature(*outputs))
