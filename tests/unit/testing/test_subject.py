import re
from pathlib import Path

import numpy as np
import pytest

from mlserve.testing.subject import Subject, answer_of, batch_of, difference
from tests.factories import linear_model


def test_equal_answers_have_no_difference_not_even_in_nan() -> None:
    one = {"value": np.array([1.0, np.nan]), "label": np.array(["a", "b"], object)}
    assert difference(one, {name: values.copy() for name, values in one.items()}) is None


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ([1.0, 2.0000001], "output 'value' of instance 1 is .*2.0.* here and .*2.0000001.* there"),
        ([1.0, np.nan], "instance 1"),
        ([1.0], r"shape \(2,\) here and \(1,\) there"),
    ],
)
def test_a_difference_is_told_with_its_place(other: list[float], says: str) -> None:
    found = difference({"value": np.array([1.0, 2.0])}, {"value": np.array(other)})
    assert found is not None
    assert re.search(says, found), found


def test_a_tolerance_is_relative() -> None:
    one, other = {"value": np.array([1e6])}, {"value": np.array([1e6 + 1])}
    assert difference(one, other, 1e-5) is None
    assert difference(one, other, 1e-7) is not None
    assert difference({"n": np.array([1])}, {"n": np.array([2])}, 1.0) is not None  # Whole numbers are equal or not.


def test_a_subject_is_loaded_and_asked_as_a_server_does(tmp_path: Path) -> None:
    subject = Subject.of("mlserve_linear", linear_model(tmp_path, x=1 / 3), {"mlserve.linear.decimals": "1"})
    loaded = subject.load()
    assert answer_of(loaded, batch_of(loaded, [{"x": 1}]))["value"].tolist() == [1.3]
    with pytest.raises(AssertionError, match=r"do not fit the signature: /instances/0/x is \"1\", not a number"):
        batch_of(loaded, [{"x": "1"}])
    loaded.close()
