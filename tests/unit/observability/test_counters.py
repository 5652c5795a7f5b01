from concurrent.futures import ThreadPoolExecutor

import pytest

from mlserve.observability.counters import Counters


def test_counts_start_at_nothing_and_add_up() -> None:
    counters = Counters()
    assert counters.read() == {}

    counters.add("drops")
    counters.add("drops", 2)
    counters.add("fallbacks", 0)

    assert counters.read() == {"drops": 3, "fallbacks": 0}
    assert Counters().read() == {}


def test_what_was_read_does_not_change() -> None:
    counters = Counters()
    before = counters.read()
    counters.add("drops")

    assert before == {}


def test_a_count_never_falls() -> None:
    with pytest.raises(ValueError, match="drops was asked to change by -1"):
        Counters().add("drops", -1)


def test_no_count_of_any_thread_is_lost() -> None:
    counters = Counters()

    def count() -> None:
        for _ in range(10_000):
            counters.add("drops")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(count) for _ in range(4)]:
            done.result()

    assert counters.read() == {"drops": 40_000}
