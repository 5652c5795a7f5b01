"""Names, and numbers that are counted from 1."""

import pytest

from mlserve.names import LARGEST_NUMBER, counted


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
