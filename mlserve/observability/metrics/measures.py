"""What one process has measured since the application was started in it."""

import time
from typing import TYPE_CHECKING, Final, Literal

from mlserve.errors import MlserveError
from mlserve.observability.counters import Counters
from mlserve.observability.metrics.catalogue import COUNTERS, SECONDS, exported_name
from mlserve.observability.metrics.instruments import Labels, Timed, Timings
from mlserve.observability.metrics.snapshot import Buckets, Histogram, Snapshot

if TYPE_CHECKING:
    from mlserve.inference.loaded import Lineage

Outcome = Literal["ok", "replayed", "refused", "failed"]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The outcomes that alerts compare. A first failure must be an increase, and not a series that begins with it.
_EXPECTED: Final[tuple[Outcome, ...]] = ("ok", "refused", "failed")


class Measures:
    """Measured by any thread. `counters` are the application's own, of which what was before is left out."""

    def __init__(self, counters: Counters | None = None) -> None:
        self._counters = Counters() if counters is None else counters
        self._before = self._counters.read()
        self._cpu_before = time.process_time()
        self._requests = Timings(SECONDS)
        self._predictions = Timings(SECONDS)
        self._explanations = Timings(SECONDS)
        self._webhooks = Timings(SECONDS)

    def request(self, route: str, method: str, status: str, nanoseconds: int) -> None:
        """A request was answered; `route` is a pattern, never a path."""
        self._requests.add((route, method if method in METHODS else "other", status), nanoseconds)

    def prediction(self, lineage: "Lineage", outcome: Outcome, nanoseconds: int, instances: int = 0) -> None:
        """A prediction was answered or refused by the version of `lineage`; `instances` were predicted."""
        self._predictions.add((lineage.model, lineage.version, outcome), nanoseconds, instances)

    def explanation(self, lineage: "Lineage", outcome: Outcome, nanoseconds: int) -> None:
        """Instances were explained, and nothing was kept."""
        self._explanations.add((lineage.model, lineage.version, outcome), nanoseconds)

    def webhook(self, name: str, outcome: Literal["delivered", "failed"], nanoseconds: int) -> None:
        """A webhook was sent an event, or has not taken it."""
        self._webhooks.add((name, outcome), nanoseconds)

    def expect_webhook(self, name: str) -> None:
        """A webhook is declared: its series begin at 0."""
        for outcome in ("delivered", "failed"):
            self._webhooks.expect((name, outcome))

    def expect(self, lineage: "Lineage") -> None:
        """A version is loaded: its series begin at 0."""
        for outcome in _EXPECTED:
            self._predictions.expect((lineage.model, lineage.version, outcome))

    def read(self) -> Snapshot:
        """Counters and histograms, from 0 at the start of the application in this process."""
        plain = {name: n - self._before.get(name, 0) for name, n in self._counters.read().items()}
        requests, predictions = self._requests.read(), self._predictions.read()
        return Snapshot(
            counters={
                **{exported_name(name): [((), n)] for name, n in {**dict.fromkeys(COUNTERS, 0), **plain}.items()},
                "mlserve_http_requests_total": [(_text(it.labels), sum(it.counts)) for it in requests],
                "mlserve_prediction_instances_total": [
                    (_text(it.labels[:2]), it.amount) for it in predictions if it.labels[2] == "ok"
                ],
                "mlserve_process_cpu_seconds_total": [((), max(0.0, time.process_time() - self._cpu_before))],
            },
            histograms={
                "mlserve_http_request_duration_seconds": _histogram(requests, labels=1),
                "mlserve_prediction_duration_seconds": _histogram(predictions, labels=3),
                "mlserve_explanation_duration_seconds": _histogram(self._explanations.read(), labels=3),
                "mlserve_webhook_attempt_duration_seconds": _histogram(self._webhooks.read(), labels=2),
            },
        )


def outcome_of(error: Exception) -> Outcome:
    """Whether a prediction was refused, for what the caller sent, or failed here."""
    return "refused" if isinstance(error, MlserveError) and error.refusal else "failed"


def _histogram(timings: list[Timed], labels: int) -> Histogram:
    """By the first `labels` labels: `merge` sums the series that become one."""
    return Histogram(SECONDS, [Buckets(_text(it.labels[:labels]), it.counts, it.seconds) for it in timings])


def _text(labels: Labels) -> tuple[str, ...]:
    return tuple(map(str, labels))
