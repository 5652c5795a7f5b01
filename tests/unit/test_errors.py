"""Domain errors: stable codes, sentences, and no knowledge of HTTP."""

import ast
from pathlib import Path

import pytest

from mlserve import errors
from mlserve.errors import MlserveError, Problem

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MlserveError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_is_its_sentence(kind: type[MlserveError]) -> None:
    error = kind("what to do about it")
    assert str(error) == error.detail == "what to do about it"
    assert (error.problems, error.more, error.retry_after) == ((), False, None)


def test_codes_are_stable_words() -> None:
    assert all(kind.code.replace("_", "").isalpha() and kind.code.islower() for kind in KINDS)
    assert {kind.code for kind in KINDS} == {
        "internal",
        "configuration",
        "unreadable",
        "invalid",
        "too_large",
        "length_required",
        "unsupported_media_type",
        "not_acceptable",
        "model_unknown",
        "version_unknown",
        "prediction_unknown",
        "not_supported",
        "idempotency_key_reused",
        "model_not_ready",
        "busy",
        "prediction_failed",
        "database_unavailable",
        "log_unavailable",
        "store_unavailable",
        "bundle",
        "signature",
        "alias_unknown",
        "nothing_before",
        "precondition_required",
        "signature_breaks",
        "stale",
        "version_in_use",
        "version_retired",
        "unauthenticated",
        "forbidden",
        "auth_off",
        "key_unknown",
        "user_unknown",
        "user_exists",
        "last_admin",
        "rate_limited",
    }


def test_problems_are_kept_as_they_were() -> None:
    problems = [Problem("type", "a number", '"a"', "/instances/0/x", 0, "x"), Problem("empty", "an instance")]
    error = errors.Invalid("no", problems=problems, more=True)
    problems.clear()
    assert [problem.as_dict() for problem in error.problems] == [
        {
            "pointer": "/instances/0/x",
            "instance": 0,
            "field": "x",
            "code": "type",
            "expected": "a number",
            "got": '"a"',
        },
        {"pointer": "", "instance": None, "field": None, "code": "empty", "expected": "an instance", "got": ""},
    ]
    assert error.more is True


def test_the_module_knows_no_http() -> None:
    tree = ast.parse(Path(str(errors.__file__)).read_text())
    numbers = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, int)]
    assert not [number for number in numbers if 100 <= number < 600]
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported == ["collections.abc", "dataclasses", "typing"]
