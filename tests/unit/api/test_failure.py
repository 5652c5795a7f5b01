"""A failure in one text."""

from mlserve.api.failure import MOST_TOLD, Failure
from mlserve.errors import Problem


def test_without_problems_the_sentence_is_the_detail() -> None:
    assert Failure(404, "model_unknown", "There is no model.").sentence == "There is no model."


def test_the_sentence_says_of_each_problem_where_and_what() -> None:
    problems = (
        Problem("type", "a number", '"a"', "/instances/1/x", 1, "x"),
        Problem("required", "the field", instance=2),
        Problem("type", "an object", "null", "/inputs"),
        Problem("required", "instances"),
    )
    assert Failure(422, "invalid", "No.", problems).sentence == (
        "No. instance 1, 'x': expected a number, got \"a\"; instance 2: expected the field; "
        "/inputs: expected an object, got null; body: expected instances"
    )


def test_it_says_that_there_are_more() -> None:
    problem = Problem("type", "a number", pointer="/x")
    many = Failure(422, "invalid", "No.", (problem,) * (MOST_TOLD + 1)).sentence
    assert many.count("expected") == MOST_TOLD
    assert many.endswith("; …")
    assert Failure(422, "invalid", "No.", (problem,), more=True).sentence.endswith("; …")
