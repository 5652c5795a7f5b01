"""The order of the suite, which decides when its last worker is done."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_files_with_a_slow_test_begin_first(request: pytest.FixtureRequest) -> None:
    items = request.session.items
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    files = [item.path in slow for item in items]
    assert files == sorted(files, reverse=True)
    assert slow >= {item.path for item in items if item.path.is_relative_to(ROOT / "tests" / "browser")}


def test_make_keeps_that_order() -> None:
    """By itself pytest-xdist begins with the files of the most tests."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\nPYTEST_ARGS ?= -n $(WORKERS) --dist=loadfile --no-loadscope-reorder\n" in makefile
