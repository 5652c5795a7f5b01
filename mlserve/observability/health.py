"""Health checks that run in the background: a request reads the last result and its age, so no check can hang it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mlserve.errors import MlserveError

log = logging.getLogger("mlserve.health")

# How long `stop` waits in all for checks that run.
PATIENCE = 2.0

# Returns what to show; raises Degraded, or anything else, when it is not well.
Check = Callable[[], dict[str, Any]]
State = Literal["ok", "degraded", "failed", "unknown", "stale"]
# The states in which predictions can be answered.
WELL: tuple[State, ...] = ("ok", "degraded")


class Degraded(Exception):
    """Not well, but predictions can still be answered: shown, without taking the server out of its balancer."""


@dataclass(frozen=True)
class Result:
    state: State
    detail: dict[str, Any]
    at: float  # time.monotonic()
    reason: str = ""  # for the log only: the text of an exception may tell of hosts and paths


class HealthMonitor:
    """Runs each check at once and then every `interval` seconds, each in a daemon thread of its own.

    A result older than interval + timeout is `stale`, and counts as failed: its check hangs.
    """

    def __init__(self, interval: float, timeout: float) -> None:
        self.interval = interval
        self.timeout = timeout
        self._checks: dict[str, Check] = {}
        self.owners: dict[str, str] = {}  # the plugin that has brought a check, by the check's name
        self._results: dict[str, Result] = {}
        self._stop = threading.Event()
        self._looked = threading.Event()  # every check has a result
        self._threads: list[threading.Thread] = []

    def add(self, name: str, check: Check, owner: str | None = None) -> None:
        """`owner` is the name of the plugin that brings it."""
        self._checks[name] = check
        if owner is not None:
            self.owners[name] = owner

    def remove(self, owner: str) -> None:
        """Remove the checks of a plugin, before any has begun."""
        for name in [name for name, plugin in self.owners.items() if plugin == owner]:
            del self._checks[name], self.owners[name]

    def start(self) -> None:
        # An event of its own for each start: a check that outlived the last one must not go on.
        self._stop, self._looked, self._results = threading.Event(), threading.Event(), {}
        self._threads = [
            threading.Thread(target=self._watch, args=(name, check, self._stop), name=f"health-{name}", daemon=True)
            for name, check in self._checks.items()
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> bool:
        """Wait until every check has run once, for `timeout` seconds at most; whether all have."""
        return not self._checks or self._looked.wait(self.timeout)

    def stop(self, patience: float = PATIENCE) -> None:
        """End the checks; one that hangs is waited for no longer than `patience` seconds, and then left behind."""
        self._stop.set()
        end = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _watch(self, name: str, check: Check, stop: threading.Event) -> None:
        while True:
            result = _result_of(check)
            if stop.is_set():
                return
            self._keep(name, result)
            if stop.wait(self.interval):
                return

    def _keep(self, name: str, result: Result) -> None:
        before = self._results.get(name)
        self._results[name] = result
        if self._results.keys() >= self._checks.keys():
            self._looked.set()
        if before is None or before.state != result.state:
            level = logging.INFO if result.state == "ok" else logging.WARNING
            reason = {"reason": result.reason} if result.reason else {}
            fields = {"check": name, "state": result.state, **result.detail, **reason}
            log.log(level, "health_changed", extra={"fields": fields})

    def report(self) -> dict[str, dict[str, Any]]:
        """Name → state, age in seconds and detail of each check."""
        now = time.monotonic()
        return {name: self._describe(self._results.get(name), now) for name in self._checks}

    def _describe(self, result: Result | None, now: float) -> dict[str, Any]:
        if result is None:
            return {"state": "unknown"}
        age = now - result.at
        state = "stale" if age > self.interval + self.timeout else result.state
        ours = {"state": state, "age_seconds": round(age, 1)}
        return {**ours, **result.detail, **ours}  # Ours come first, and no detail says otherwise.


def is_well(report: dict[str, dict[str, Any]]) -> bool:
    """Whether predictions can be answered, by what each check says."""
    return all(check["state"] in WELL for check in report.values())


def _result_of(check: Check) -> Result:
    try:
        return Result("ok", _detail(check()), time.monotonic())
    except Degraded as degraded:
        detail = degraded.args[0] if degraded.args else {}
        if isinstance(detail, dict):
            return Result("degraded", detail, time.monotonic())
        return Result("degraded", {}, time.monotonic(), reason=str(degraded))
    except MlserveError as error:
        return Result("failed", {"reason": error.detail}, time.monotonic())
    except BaseException as error:  # The thread is the check's own, and whatever ends it would end the check.
        if error.args and isinstance(error.args[0], dict):
            return Result("failed", error.args[0], time.monotonic())
        return Result("failed", {"error": type(error).__name__}, time.monotonic(), reason=str(error))


def _detail(shown: Any) -> dict[str, Any]:
    if not isinstance(shown, dict):
        raise TypeError(f"the check returned {type(shown).__name__}: a health check returns a dict, which may be empty")
    return shown
