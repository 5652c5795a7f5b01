"""Timings count exactly, whoever adds to them."""

import threading

from mlserve.observability.metrics.instruments import Timed, Timings


def test_a_value_falls_into_the_first_bucket_that_reaches_it() -> None:
    timings = Timings((0.001, 0.01))
    for nanoseconds in (0, 1_000_000, 1_000_001, 10_000_000, 10_000_001):
        timings.add(("a",), nanoseconds, amount=2)
    assert timings.read() == [Timed(("a",), [2, 2, 1], 0.022000002, 10)]


def test_an_expected_series_is_0_and_is_not_begun_again() -> None:
    timings = Timings((1.0,))
    timings.expect(("a",))
    assert timings.read() == [Timed(("a",), [0, 0], 0.0, 0)]
    timings.add(("a",), 5)
    timings.expect(("a",))
    assert timings.read()[0].counts == [1, 0]


def test_no_thread_s_values_are_lost() -> None:
    timings, together = Timings((1.0,)), threading.Barrier(4)

    def work(name: str) -> None:
        together.wait()
        for _ in range(20_000):
            timings.add(("all",), 1, 1)
            timings.add((name,), 1)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {it.labels: (sum(it.counts), it.amount) for it in timings.read()}
    assert found == {("all",): (80_000, 80_000), **{(f"t{number}",): (20_000, 0) for number in range(4)}}


def test_what_was_read_does_not_change() -> None:
    timings = Timings((1.0,))
    timings.add(("a",), 1)
    (before,) = timings.read()
    timings.add(("a",), 1)
    assert before.counts == [1, 0]
