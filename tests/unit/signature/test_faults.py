from typing import Any

import pytest

from mlserve.signature.faults import GOT_LENGTH, Fault, LimitReached, Problems, got, pointer


def test_pointer_escapes_as_rfc_6901() -> None:
    assert pointer(["instances", 3, "a/b~c", "", "é"]) == "/instances/3/a~1b~0c//é"
    assert pointer([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (-3, "-3"),
        ("é\0", '"é\\u0000"'),
        ("\ud800", '"?"'),
        ([1], "array of 1 item"),
        ({}, "object with 0 keys"),
        (float("inf"), "number out of range"),
    ],
)
def test_got(value: Any, text: str) -> None:
    assert got(value) == text


def test_a_number_too_long_for_python_to_print() -> None:
    assert got(10**5000) == "number out of range"


@pytest.mark.parametrize("value", ["x" * 10**6, '"' * 1000, 10**1000])
def test_got_is_short(value: Any) -> None:
    assert len(got(value)) <= GOT_LENGTH


def test_the_problem_after_the_last_ends_the_walk() -> None:
    problems = Problems(1)
    problems.add(Fault("type", "a number", '"x"', (0,)), ("instances", 2, "grid"), 2, "grid")
    assert problems.listed[0].as_dict() == {
        "pointer": "/instances/2/grid/0",
        "instance": 2,
        "field": "grid",
        "code": "type",
        "expected": "a number",
        "got": '"x"',
    }
    assert not problems.more
    with pytest.raises(LimitReached):
        problems.add(Fault("type", "a number", "null"), (), None, None)
    error = problems.invalid()
    assert error.more
    assert "more than 1 problems" in error.detail
