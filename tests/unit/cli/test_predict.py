"""How `mlserve predict` writes values and problems."""

import pytest

from mlserve.cli.predict import _cause, _cell, _line
from mlserve.errors import PredictionFailed, Problem


@pytest.mark.parametrize(
    ("value", "cell"),
    [(1.5, 1.5), ("late", "late"), (None, None), (True, "true"), ({"a": 0.25}, '{"a":0.25}'), ([1, None], "[1,null]")],
)
def test_a_cell_is_the_value_or_its_json(value: object, cell: object) -> None:
    assert _cell(value) == cell


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        (Problem("type", "a number", '"a"', "/instances/3/x", 1233, "x"), "row 1,234, field x"),
        (Problem("length", "2 cells", "3", "", 0), "row 1"),
        (Problem("required", "a value", "nothing", "/columns/x", None, "x"), "field x"),
        (Problem("type", "an object", "1", "/columns"), "/columns"),
        (Problem("empty", "an instance", "nothing"), "the file"),
    ],
)
def test_a_problem_is_placed_by_row_and_field(problem: Problem, place: str) -> None:
    assert _line(problem) == f"  {place}: expected {problem.expected}, got {problem.got} ({problem.code})"


def test_the_operator_is_told_what_the_family_raised() -> None:
    failed = PredictionFailed("It failed on a valid request.")
    failed.__cause__ = ZeroDivisionError("division by zero")
    assert _cause(failed) == ["  ZeroDivisionError: division by zero"]
    failed.__cause__ = PredictionFailed("Told already.")
    assert _cause(failed) == []
    assert _cause(PredictionFailed("Of itself.")) == []
