"""Health is answered from memory, tells each part's state, and no check can hang it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator

from mlserve.observability.health import Degraded
from tests.factories import Served, linear_model, serving, settings_of, until


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    models = {"line": linear_model(tmp_path)}
    return settings_of(tmp_path, models=models, health__interval="20ms", health__timeout="50ms", log__way="process")


def ready(app: Served) -> Callable[[], bool]:
    return lambda: bool(app.get("/health/ready", status="*").status_int == 200)


def test_live_and_ready_name_each_part(settings: dict[str, str]) -> None:
    with serving(settings) as app:
        assert app.get("/health/live").json == {"status": "ok"}
        until(ready(app))
        checks = app.get("/health/ready").json["checks"]
        assert {"models", "database", "log", "shipper", "linear"} <= set(checks)
        assert checks["models"]["models"] == {"line": "ready"}
        assert checks["shipper"]["backlog_records"] == 0


def with_check(settings: dict[str, str], check: Callable[[], dict[str, Any]]) -> Any:
    """The application with one more health check, as a plugin would add it."""

    def configure(config: Configurator) -> None:
        config.add_health_check("extra", check)

    return serving(settings, configure)


def test_a_failing_check_makes_it_503_and_is_named(settings: dict[str, str]) -> None:
    def check() -> dict[str, Any]:
        raise RuntimeError("the part on host-7 is broken")

    with with_check(settings, check) as app:
        until(lambda: state(app, "extra") == "failed")
        report = app.get("/health/ready", status=503).json
        assert report["status"] == "failed"
        assert report["checks"]["extra"]["error"] == "RuntimeError"
        assert "host-7" not in str(report)


def test_a_hanging_check_turns_stale_and_hangs_nothing(settings: dict[str, str]) -> None:
    release, calls = threading.Event(), []

    def check() -> dict[str, Any]:
        calls.append(1)
        if len(calls) > 1:
            release.wait(30)
        return {}

    with with_check(settings, check) as app:
        until(lambda: state(app, "extra") == "stale")
        assert app.get("/health/ready", status=503).json["checks"]["models"]["state"] == "ok"
        assert app.get("/health/live").status_int == 200
        release.set()
        until(ready(app))


def test_a_degraded_part_is_shown_and_keeps_it_ready(settings: dict[str, str]) -> None:
    def check() -> dict[str, Any]:
        raise Degraded({"reason": "slower than usual"})

    with with_check(settings, check) as app:
        until(lambda: state(app, "extra") == "degraded")
        until(ready(app))
        report = app.get("/health/ready").json
        assert report["status"] == "degraded"
        assert report["checks"]["extra"]["reason"] == "slower than usual"


def state(app: Served, name: str) -> str:
    found: str = app.get("/health/ready", status="*").json["checks"][name]["state"]
    return found
