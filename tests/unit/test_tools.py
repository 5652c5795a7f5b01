import shutil
from pathlib import Path

import pytest

from tests.tools import REQUIRED, tool

NOWHERE = "a-program-that-nobody-has"


def test_the_first_program_that_is_there_is_taken() -> None:
    assert tool(NOWHERE, "sh") == shutil.which("sh")


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_missing_program_is_a_skip_or_where_it_is_required_a_failure(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv(REQUIRED, required)
    with pytest.raises(outcome, match=NOWHERE):
        tool(NOWHERE)


def test_the_verdict_on_a_commit_requires_them() -> None:
    run = (Path(__file__).parents[2] / ".ci" / "run").read_text(encoding="utf-8")
    assert f"\nexport {REQUIRED}=1\n" in run
