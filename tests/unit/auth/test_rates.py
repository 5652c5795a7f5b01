"""The token bucket: a burst, then the rate, each caller apart."""

from hypothesis import given
from hypothesis import strategies as st

from mlserve.auth.rates import Rates


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_through_and_then_the_rate() -> None:
    clock = Clock()
    rates = Rates(2.0, 3, clock)
    assert [rates.take("a") for _ in range(4)] == [(2, 1, 0), (1, 1, 0), (0, 2, 0), (0, 2, 1)]
    clock.now = 0.5
    assert rates.take("a").wait == 0
    assert rates.take("a").wait == 1
    assert rates.take("b").wait == 0


def test_what_is_said_in_the_headers() -> None:
    rates = Rates(0.5, 2, Clock())
    assert rates.headers(rates.take("a")) == [
        ("RateLimit-Policy", '"caller";q=2;w=4'),
        ("RateLimit", '"caller";r=1;t=2'),
    ]


@given(st.lists(st.floats(0, 5), max_size=200), st.floats(0.1, 20), st.integers(1, 10))
def test_no_more_come_through_than_the_burst_and_the_rate(pauses: list[float], rate: float, burst: int) -> None:
    clock = Clock()
    rates, through = Rates(rate, burst, clock), 0
    for pause in pauses:
        clock.now += pause
        through += rates.take("a").wait == 0
    assert through <= burst + clock.now * rate + 1e-6


def test_who_waits_as_long_as_told_comes_through() -> None:
    clock = Clock()
    rates = Rates(0.3, 1, clock)
    rates.take("a")
    clock.now += rates.take("a").wait
    assert rates.take("a").wait == 0


def test_callers_that_are_full_again_are_forgotten() -> None:
    clock = Clock()
    rates = Rates(1.0, 1, clock)
    for number in range(10_000):
        rates.take(str(number))
    clock.now = 2.0
    rates.take("new")
    assert len(rates._buckets) == 1
