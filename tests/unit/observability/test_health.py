"""The monitor: checks that start, stop and start again."""

import logging
import threading
from typing import Any

import pytest

from mlserve.errors import DatabaseUnavailable
from mlserve.observability.health import Degraded, HealthMonitor
from tests.factories import until


def fails_with(error: Exception) -> HealthMonitor:
    def check() -> dict[str, Any]:
        raise error

    monitor = HealthMonitor(3600, 3600)
    monitor.add("part", check)
    return monitor


def found(monitor: HealthMonitor) -> dict[str, Any]:
    """What the monitor says of its one check, after the first round."""
    monitor.start()
    until(lambda: monitor.report()["part"]["state"] != "unknown")
    monitor.stop()
    report = monitor.report()["part"]
    report.pop("age_seconds")
    return report


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (RuntimeError("cannot read /srv/secret of db1.internal"), {"error": "RuntimeError"}),
        (OSError(2, "No such file", "/srv/secret"), {"error": "FileNotFoundError"}),
        (ValueError(), {"error": "ValueError"}),
        (RuntimeError({"models": {"line": "failed"}}), {"models": {"line": "failed"}}),
        (DatabaseUnavailable("The database is away."), {"reason": "The database is away."}),
    ],
)
def test_a_failed_check_shows_only_what_is_meant_for_the_public(error: Exception, shown: dict[str, Any]) -> None:
    assert found(fails_with(error)) == {"state": "failed", **shown}


def test_the_reason_of_a_failed_check_is_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    found(fails_with(RuntimeError("cannot read /srv/secret")))
    (record,) = [record for record in caplog.records if record.msg == "health_changed"]
    assert record.levelno == logging.WARNING
    assert record.__dict__["fields"] == {
        "check": "part",
        "state": "failed",
        "error": "RuntimeError",
        "reason": "cannot read /srv/secret",
    }


def test_a_degraded_check_shows_its_detail() -> None:
    assert found(fails_with(Degraded({"reason": "slow"}))) == {"state": "degraded", "reason": "slow"}


def test_what_a_degraded_check_says_without_a_dict_is_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert found(fails_with(Degraded("slow at /srv"))) == {"state": "degraded"}
    (record,) = [record for record in caplog.records if record.msg == "health_changed"]
    assert record.__dict__["fields"] == {"check": "part", "state": "degraded", "reason": "slow at /srv"}


@pytest.mark.parametrize("shown", [None, "well", [1]])
def test_a_check_that_shows_no_dict_has_failed_and_the_report_goes_on(shown: Any) -> None:
    monitor = HealthMonitor(3600, 3600)
    monitor.add("part", lambda: shown)
    assert found(monitor) == {"state": "failed", "error": "TypeError"}


def test_no_detail_says_the_state_or_the_age() -> None:
    monitor = HealthMonitor(3600, 3600)
    monitor.add("part", lambda: {"size": 1, "state": "failed", "age_seconds": None})
    monitor.start()
    until(lambda: monitor.report()["part"]["state"] != "unknown")
    monitor.stop()
    report = monitor.report()["part"]
    assert list(report) == ["state", "age_seconds", "size"]
    assert (report["state"], report["age_seconds"] >= 0) == ("ok", True)


def test_it_starts_again_after_a_stop() -> None:
    rounds = threading.Semaphore(0)

    def check() -> dict[str, Any]:
        rounds.release()
        return {}

    monitor = HealthMonitor(0.001, 3600)
    monitor.add("part", check)
    for _ in range(2):
        monitor.start()
        for _ in range(3):
            assert rounds.acquire(timeout=20)
        monitor.stop()
        while rounds.acquire(blocking=False):
            pass


def test_stopping_waits_for_the_check_that_runs() -> None:
    began, over = threading.Event(), threading.Event()
    ended: list[bool] = []

    def check() -> dict[str, Any]:
        began.set()
        over.wait(20)
        ended.append(True)
        return {}

    monitor = HealthMonitor(3600, 3600)
    monitor.add("part", check)
    monitor.start()
    assert began.wait(20)
    threading.Timer(0.05, over.set).start()
    monitor.stop(patience=20)
    assert ended == [True]


def test_a_check_that_hangs_is_left_behind_and_says_nothing_after_the_next_start() -> None:
    began, over = threading.Semaphore(0), threading.Event()
    threads: list[threading.Thread] = []

    def check() -> dict[str, Any]:
        threads.append(threading.current_thread())
        began.release()
        if len(threads) == 1:
            over.wait(20)
            raise RuntimeError("too late")
        return {"round": len(threads)}

    monitor = HealthMonitor(3600, 3600)
    monitor.add("part", check)
    monitor.start()
    assert began.acquire(timeout=20)
    monitor.stop(patience=0.01)
    assert threads[0].is_alive()
    monitor.start()
    until(lambda: monitor.report()["part"]["state"] == "ok")
    over.set()
    threads[0].join(20)
    assert monitor.report()["part"]["round"] == 2
    monitor.stop()


@pytest.mark.parametrize(("timeout", "whole"), [(20, True), (0.05, False)])
def test_the_first_round_of_all_checks_is_waited_for_and_no_longer_than_one_may_take(
    timeout: float, whole: bool
) -> None:
    gate = threading.Event()

    def held() -> dict[str, Any]:
        gate.wait(20)
        return {}

    monitor = HealthMonitor(3600, timeout)
    assert monitor.wait()  # There is none.
    monitor.add("held", held)
    monitor.add("quick", dict)
    monitor.start()
    until(lambda: monitor.report()["quick"]["state"] == "ok")
    assert monitor.report()["held"] == {"state": "unknown"}
    if whole:
        threading.Timer(0.05, gate.set).start()
    assert monitor.wait() is whole
    assert (monitor.report()["held"]["state"] == "ok") is whole
    gate.set()
    monitor.stop()
