"""Names, and numbers that are counted from 1."""

import pytest

from mlserve.names import LARGEST_NUMBER, counted, named_twice


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("9", 9), ("1200", 1200), (str(LARGEST_NUMBER), LARGEST_NUMBER)]
)
def test_a_number(text: str, number: int) -> None:
    assert counted(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "01", "-1", "+1", "1.0", "1\n", " 1", "x", "٣", str(LARGEST_NUMBER + 1), "9" * 5000]
)
def test_what_is_none(text: str) -> None:
    assert counted(text) is None


@pytest.mark.parametrize(
    ("names", "twice"),
    [([], None), (["a", "b"], None), (["a", "b", "b", "a"], "b"), ([*map(str, range(200_000)), "z", "z"], "z")],
)
def test_the_first_that_has_stood_there_before_is_found_in_one_pass(names: list[str], twice: str | None) -> None:
    assert named_twice(names) == twice
