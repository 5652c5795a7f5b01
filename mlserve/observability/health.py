"""Health checks that run in the background: a request reads the last result and its age, so no check can hang it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

log = logging.getLogger("mlserve.health")

# Returns what to show; raises Degraded, or anything else, when it is not well.
Check = Callable[[], dict[str, Any]]
State = Literal["ok", "degraded", "failed", "unknown", "stale"]


class Degraded(Exception):
    """Not well, but predictions can still be answered: shown, without taking the server out of its balancer."""


@dataclass(frozen=True)
class Result:
    state: State
    detail: dict[str, Any]
    at: float  # time.monotonic()


class HealthMonitor:
    """Runs each check at once and then every `interval` seconds, each in a daemon thread of its own.

    A result older than interval + timeout is `stale`, and counts as failed: its check hangs.
    """

    def __init__(self, interval: float, timeout: float) -> None:
        self.interval = interval
        self.timeout = timeout
        self._checks: dict[str, Check] = {}
        self._results: dict[str, Result] = {}
        self._stop = threading.Event()

    def add(self, name: str, check: Check) -> None:
        self._checks[name] = check

    def start(self) -> None:
        for name, check in self._checks.items():
            threading.Thread(target=self._watch, args=(name, check), name=f"health-{name}", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _watch(self, name: str, check: Check) -> None:
        self._run(name, check)
        while not self._stop.wait(self.interval):
            self._run(name, check)

    def _run(self, name: str, check: Check) -> None:
        before = self._results.get(name)
        result = _result_of(check)
        self._results[name] = result
        if before is None or before.state != result.state:
            level = logging.INFO if result.state == "ok" else logging.WARNING
            log.log(level, "health_changed", extra={"fields": {"check": name, "state": result.state, **result.detail}})

    def report(self) -> dict[str, dict[str, Any]]:
        """Name → state, age in seconds and detail of each check."""
        now = time.monotonic()
        return {name: self._describe(self._results.get(name), now) for name in self._checks}

    def _describe(self, result: Result | None, now: float) -> dict[str, Any]:
        if result is None:
            return {"state": "unknown"}
        age = now - result.at
        state = "stale" if age > self.interval + self.timeout else result.state
        return {"state": state, "age_seconds": round(age, 1), **result.detail}


def _result_of(check: Check) -> Result:
    try:
        return Result("ok", check(), time.monotonic())
    except Degraded as degraded:
        return Result("degraded", degraded.args[0] if degraded.args else {}, time.monotonic())
    except Exception as error:
        detail = error.args[0] if error.args and isinstance(error.args[0], dict) else {"reason": str(error)}
        return Result("failed", detail, time.monotonic())
