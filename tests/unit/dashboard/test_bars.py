"""What an explanation shows, and in which order."""

from typing import Any

from mlserve.dashboard import bars


def block(name: str | None, margin: float | None, **contributions: float | None) -> dict[str, Any]:
    return {"name": name, "margin": margin, "bias": 0.5, "contributions": contributions}


def test_bars_go_by_size_and_away_from_the_middle() -> None:
    (found,) = bars.blocks({"blocks": [block(None, 1.0, a=0.1, b=-2.0, c=1.0)]}, {"a": 3, "b": "x"}, [])
    assert [(bar.field, bar.value, bar.contribution) for bar in found.top] == [
        ("b", "x", -2.0),
        ("c", None, 1.0),
        ("a", 3, 0.1),
    ]
    assert [(bar.x, bar.width) for bar in found.top] == [(0.0, 100.0), (100.0, 50.0), (100.0, 5.0)]
    assert found.rest == []
    assert [bar.kept for bar in found.top] == [True, False, True]


def test_an_unseen_category_is_marked() -> None:
    (found,) = bars.blocks({"blocks": [block(None, 1.0, a=2.0, b=1.0)]}, {"a": "x", "b": "y"}, [], {"a"})
    assert [bar.unseen for bar in found.top] == [True, False]


def test_more_than_ten_are_folded() -> None:
    contributions = {f"x{number}": float(number) for number in range(14)}
    (found,) = bars.blocks({"blocks": [block(None, 1.0, **contributions)]}, {}, [])
    assert [bar.field for bar in found.top] == [f"x{number}" for number in range(13, 3, -1)]
    assert [bar.field for bar in found.rest] == ["x3", "x2", "x1", "x0"]


def test_what_was_not_kept_comes_last_and_has_no_bar() -> None:
    (found,) = bars.blocks({"blocks": [block(None, None, a=None, b=0.0, c=-1.0)]}, {}, [])
    assert [bar.field for bar in found.top] == ["c", "b", "a"]
    assert [bar.width for bar in found.top] == [100.0, 0.0, 0.0]


def test_one_number_of_decimals_fits_a_table() -> None:
    def decimals(*contributions: float | None) -> int | None:
        given = {f"x{number}": value for number, value in enumerate(contributions)}
        (found,) = bars.blocks({"blocks": [block(None, 1.0, **given)]}, {}, [])
        return found.decimals

    assert decimals(0.79, 0.745, 0.06814) == 4
    assert decimals(12.3456, None) == 2
    assert decimals(2.0, -1.0) == 1  # The bias is 0.5.
    assert decimals(40_000.3) == 0
    assert decimals(1e-7) is decimals(1e20) is decimals(0.0) is decimals() is None


def test_the_answered_class_comes_first_then_the_likelier() -> None:
    blocks = [block("early", 0.1), block("late", None), block("on time", 2.0), block("lost", 1.0)]
    assert [b.name for b in bars.blocks({"blocks": blocks}, {}, ["early"])] == ["early", "on time", "lost", "late"]
    assert [b.name for b in bars.blocks({"blocks": blocks}, {}, [])] == ["on time", "lost", "early", "late"]
