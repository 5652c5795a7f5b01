"""Durations and times as verbs take and print them."""

from datetime import UTC, datetime

import click
import pytest

from mlserve.cli.times import AGE, DURATION, Duration, last_time, time_cell


@pytest.mark.parametrize(("text", "seconds"), [("5ms", 0.005), (" 90 d ", 7776000.0), ("0s", 0.0), ("1.5h", 5400.0)])
def test_a_duration_is_read_as_in_an_ini(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("type_", "text", "words"),
    [
        (DURATION, "soon", "'soon': write a duration with its unit (ms, s, m, h, d), such as 5ms."),
        (DURATION, "", "'': write a duration with its unit"),
        (DURATION, "7", "'7': write a duration with its unit"),
        (AGE, "999ms", "'999ms': write a duration with its unit (ms, s, m, h, d) of at least 1s, such as 90d."),
    ],
)
def test_what_is_no_duration_is_told_with_what_to_write(type_: Duration, text: str, words: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        type_.convert(text, None, None)
    assert words in caught.value.message


def test_an_age_is_told_as_one_would_write_it() -> None:
    assert [AGE.text(seconds) for seconds in (86400.0, 5400.0, 1.0)] == ["1d", "90m", "1s"]


def test_times_are_told_to_the_second_and_last_times_to_the_minute() -> None:
    moment = datetime(2026, 11, 22, 18, 30, 5, 999999, UTC)
    assert time_cell(moment) == time_cell("2026-11-22T18:30:05.999999Z") == "2026-11-22 18:30:05Z"
    assert (last_time(moment), last_time(None)) == ("2026-11-22 18:30Z", "never")
