"""Labels that are made of scores."""

import numpy as np
import pytest

from mlserve.errors import SignatureError
from mlserve.signature import OutputField
from mlserve.tensors import Label

SCORES = OutputField("scores", "float32", shape=(3,))
SINGLE = OutputField("single", "float64", shape=(1,))
TWO = OutputField("label", "category", categories=("no", "yes"))
THREE = OutputField("label", "category", categories=("a", "b", "c"))


def test_the_highest_score_is_the_class_and_the_first_of_equal_ones() -> None:
    label = Label(THREE, [SINGLE, SCORES])
    assert label.source == 1
    assert label(np.array([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2]])).tolist() == [1, 0]


@pytest.mark.parametrize(("threshold", "expected"), [(None, [0, 1, 1]), (0.75, [0, 0, 1])])
def test_a_single_score_is_the_second_class_from_the_threshold_on(threshold: float | None, expected: list[int]) -> None:
    named = OutputField("label", "category", categories=("no", "yes"), threshold=threshold)
    assert Label(named, [SINGLE])(np.array([[0.25], [0.5], [0.75]])).tolist() == expected
    plain = OutputField("plain", "float32")
    assert Label(named, [plain])(np.array([0.25, 0.5, 0.75], np.float32)).tolist() == expected


def test_two_scores_have_a_threshold_only_where_it_is_said() -> None:
    scores = np.array([[0.3, 0.4], [0.1, 0.9]])
    two = OutputField("two", "float32", shape=(2,))
    assert Label(TWO, [two])(scores).tolist() == [1, 1]
    strict = OutputField("label", "category", categories=("no", "yes"), threshold=0.5)
    assert Label(strict, [two])(scores).tolist() == [0, 1]


def test_of_several_outputs_the_name_says_which() -> None:
    outputs = [SINGLE, OutputField("other", "float32", shape=(1,))]
    assert Label(OutputField("other.label", "category", categories=("no", "yes")), outputs).source == 1
    with pytest.raises(SignatureError, match=r"NAME\.label"):
        Label(TWO, outputs)
    with pytest.raises(SignatureError, match="one output of 3 scores"):
        Label(THREE, outputs)
