"""What a process tells of itself right now, whatever a plugin's checks show."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from mlserve.application import Application
from mlserve.inference import LiveModel
from mlserve.inference.live import ModelState
from mlserve.observability.health import Check, Degraded
from mlserve.observability.metrics.catalogue import METRICS
from mlserve.observability.metrics.gauges import read_gauges
from mlserve.observability.metrics.snapshot import Series
from mlserve.settings import read_settings
from tests.factories import until

BACKLOG = {"backlog_records": 3, "backlog_bytes": 400, "lag_seconds": 1.5, "set_aside": 2}
SPOOL = {
    "mlserve_spool_backlog_records": [((), 3.0)],
    "mlserve_spool_backlog_bytes": [((), 400.0)],
    "mlserve_spool_lag_seconds": [((), 1.5)],
    "mlserve_spool_set_aside_records": [((), 2.0)],
}


@contextmanager
def running(folder: Path, **checks: Check) -> Iterator[Application]:
    """A started application of nothing but these checks, each of which has said something."""
    application = Application(read_settings({"mlserve.var": str(folder)}, {}, folder))
    for name, check in checks.items():
        application.health.add(name, check)
    application.start()
    try:
        until(lambda: all(check["state"] != "unknown" for check in application.health.report().values()))
        yield application
    finally:
        application.stop()


def shows(detail: Any) -> Check:
    return lambda: detail


def raises(error: Exception) -> Check:
    def check() -> dict[str, Any]:
        raise error

    return check


def spool_of(gauges: dict[str, Series]) -> dict[str, Series]:
    return {name: series for name, series in gauges.items() if name.startswith("mlserve_spool_")}


def test_every_gauge_is_in_the_catalogue(tmp_path: Path) -> None:
    webhooks = shows({"webhooks": {"ops": {"state": "active", "due": 2}}})
    with running(tmp_path, shipper=shows(BACKLOG), webhooks=webhooks) as application:
        assert read_gauges(application)["mlserve_webhook_due_deliveries"] == [(("ops",), 2.0)]
        assert set(read_gauges(application)) == {metric.name for metric in METRICS if metric.kind == "gauge"}


@pytest.mark.parametrize("name", ["shipper", "log"])
@pytest.mark.parametrize("kind", [dict, Degraded, RuntimeError])
def test_the_spool_is_as_the_check_says_that_measures_it_whatever_its_state(
    tmp_path: Path, name: str, kind: type
) -> None:
    check = shows(BACKLOG) if kind is dict else raises(kind(BACKLOG))
    with running(tmp_path, **{name: check}) as application:
        assert spool_of(read_gauges(application)) == SPOOL


@pytest.mark.parametrize("detail", [{"lag_seconds": None}, {"lag_seconds": 99999.0, "backlog_records": "many"}])
def test_a_plugin_s_check_is_not_taken_for_the_spool(tmp_path: Path, detail: dict[str, Any]) -> None:
    with running(tmp_path, feed=shows(detail)) as application:
        assert spool_of(read_gauges(application)) == {}
    with running(tmp_path, feed=shows(detail), shipper=shows(BACKLOG)) as application:
        assert spool_of(read_gauges(application)) == SPOOL


def test_each_check_is_in_one_state_and_one_that_fails_makes_the_process_unready(tmp_path: Path) -> None:
    with running(tmp_path, a=shows({}), b=raises(Degraded({}))) as application:
        gauges = read_gauges(application)
        assert {labels for labels, value in gauges["mlserve_health_check"] if value} == {("a", "ok"), ("b", "degraded")}
        assert gauges["mlserve_ready"] == gauges["mlserve_workers"] == [((), 1.0)]
    with running(tmp_path, a=shows({}), b=raises(ValueError())) as application:
        assert read_gauges(application)["mlserve_ready"] == [((), 0.0)]


def test_a_stopped_process_is_not_ready(tmp_path: Path) -> None:
    with running(tmp_path) as application:
        assert read_gauges(application)["mlserve_ready"] == [((), 1.0)]
    assert read_gauges(application)["mlserve_ready"] == [((), 0.0)]


def test_a_model_without_a_version_is_failed_and_none_of_its_versions_is_loaded(tmp_path: Path) -> None:
    with running(tmp_path) as application:
        application.live.put(LiveModel("line", "linear", None, "it is gone"))
        gauges = read_gauges(application)
    states = [state for (_, state), value in gauges["mlserve_model_state"] if value]
    assert states == ["failed"]
    assert len(gauges["mlserve_model_state"]) == len(get_args(ModelState))
    assert gauges["mlserve_loaded_versions"] == []


def test_the_memory_is_that_of_this_process(tmp_path: Path) -> None:
    with running(tmp_path) as application:
        ((_, found),) = read_gauges(application)["mlserve_process_resident_memory_bytes"]
    assert 10e6 < found < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
