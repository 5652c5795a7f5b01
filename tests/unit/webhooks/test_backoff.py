"""The schedule is that of the specification, a little later each time, and ends when its patience does."""

from mlserve.webhooks.backoff import WAITS, wait_after

FIVE_DAYS = 5 * 86400.0


def test_waits_are_those_of_the_schedule_and_at_most_a_tenth_more() -> None:
    for attempts, wait in enumerate([*WAITS, WAITS[-1], WAITS[-1]], start=1):
        found = [wait_after(attempts, FIVE_DAYS) for _ in range(50)]
        assert all(it is not None and wait <= it <= 1.1 * wait for it in found)
        assert len(set(found)) > 1


def test_the_schedule_lasts_as_long_as_the_patience() -> None:
    waits = [wait for attempts in range(1, 100) if (wait := wait_after(attempts, FIVE_DAYS)) is not None]
    assert FIVE_DAYS <= sum(waits) <= 1.1 * (FIVE_DAYS + WAITS[-1])
    assert wait_after(len(waits) + 1, FIVE_DAYS) is None


def test_even_without_patience_there_is_a_second_attempt() -> None:
    assert wait_after(1, 1.0) is not None
    assert wait_after(2, 1.0) is None
