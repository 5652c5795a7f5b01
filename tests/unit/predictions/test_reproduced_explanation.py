"""What counts as another explanation, and how it is told."""

import json
from typing import Any

import pytest

from mlserve.predictions.reproduced_explanation import MOST, ExplanationDifference, compared_explanations


def block(name: str | None = None, margin: float | None = 1.5, bias: float | None = 0.5, **contributions: Any) -> Any:
    return {"name": name, "margin": margin, "bias": bias, "contributions": contributions or {"a": 0.1, "b": None}}


def text(*instances: list[Any], method: str = "treeshap", scale: str = "value") -> bytes:
    blocks = [{"blocks": blocks} for blocks in instances]
    return json.dumps({"method": method, "scale": scale, "instances": blocks}).encode()


def test_the_same_is_equal_however_its_numbers_are_written() -> None:
    one = text([block(a=1e-7, b=3.0)])
    assert compared_explanations(one, one).verdict == "bit_equal"
    other = one.replace(b"1e-07", b"0.0000001").replace(b"3.0", b"3")
    assert other != one
    found = compared_explanations(one, other)
    assert (found.verdict, found.differences, found.more) == ("bit_equal", (), False)
    assert found.sentence == "Its stored explanation comes out the same."
    # SQLite keeps no sign of a zero.
    assert compared_explanations(text([block(margin=0.0)]), text([block(margin=-0.0)])).verdict == "bit_equal"


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (text([block()], method="linear"), ("method", None, None, None, "treeshap", "linear")),
        (text([block()], scale="log"), ("scale", None, None, None, "value", "log")),
        (text([block(margin=1.5000001)]), ("margin", 0, None, None, 1.5, 1.5000001)),
        (text([block(bias=None)]), ("bias", 0, None, None, 0.5, None)),
        (text([block(a=0.1, b=0.0)]), ("contribution", 0, None, "b", None, 0.0)),
        (text([block(a=0.1, c=None)]), ("blocks", 0, None, None, [[None, "a", "b"]], [[None, "a", "c"]])),
        (text([]), ("blocks", 0, None, None, [[None, "a", "b"]], [])),
    ],
)
def test_each_other_part_is_told(now: bytes, difference: tuple[Any, ...]) -> None:
    found = compared_explanations(text([block()]), now)
    assert (found.verdict, found.differences) == ("differs", (ExplanationDifference(*difference),))
    assert found.sentence == "Its stored explanation comes out in another way now: 1 value differs."


def test_of_very_many_differences_some_are_told() -> None:
    then, now = (text(*([block("late", margin)] for _ in range(MOST + 1))) for margin in (1.0, 2.0))
    found = compared_explanations(then, now)
    assert (len(found.differences), found.more) == (MOST, True)
    assert found.differences[-1] == ExplanationDifference("margin", MOST - 1, "late", None, 1.0, 2.0)
    assert found.sentence.endswith("more than 100 values differ.")
