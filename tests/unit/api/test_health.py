"""Health as a resource: answered from the last results, whatever they are."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from mlserve.api.health import live, ready
from mlserve.application import Application


def report(started: bool = True, **states: str) -> tuple[int, dict[str, Any]]:
    checks = {name: {"state": state} for name, state in states.items()}
    application: Any = SimpleNamespace(
        started=started,
        health=SimpleNamespace(report=lambda: checks),
        counters=SimpleNamespace(read=lambda: {"log_drops": 2}),
    )
    application._spared = set  # no plugin's check
    application.readiness = partial(Application.readiness, application)
    request = SimpleNamespace(registry=SimpleNamespace(mlserve=application), response=SimpleNamespace(status_int=200))
    body = ready(request)
    assert body["checks"] == checks
    assert body["counters"] == {"log_drops": 2}
    return request.response.status_int, body


@pytest.mark.parametrize(
    ("states", "status", "word"),
    [
        ({}, 200, "ok"),
        ({"a": "ok", "b": "ok"}, 200, "ok"),
        ({"a": "ok", "b": "degraded"}, 200, "degraded"),
        ({"a": "degraded", "b": "failed"}, 503, "failed"),
        ({"a": "stale"}, 503, "failed"),
        ({"a": "unknown"}, 503, "failed"),
    ],
)
def test_the_worst_check_decides(states: dict[str, str], status: int, word: str) -> None:
    found, body = report(**states)
    assert (found, body["status"]) == (status, word)


def test_before_the_start_nothing_is_ready() -> None:
    assert report(started=False, a="ok")[0] == 503


def test_alive_is_whoever_answers() -> None:
    assert live(None) == {"status": "ok"}
