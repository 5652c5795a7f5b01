"""Every metric of mlserve: its name, kind, labels and help. docs/reference/metrics.md says the same, and a test so."""

from dataclasses import dataclass
from typing import Final, Literal

# In seconds. A prediction of a small model takes less than the first, a large explanation about the last.
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Metric:
    """One metric as it is exported.

    `merge` is how a gauge of several processes becomes one: the sum, or the maximum of what all of them see alike.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    labels: tuple[str, ...]
    help: str
    merge: Literal["sum", "max"] = "sum"


METRICS: Final = (
    Metric(
        "mlserve_http_requests_total",
        "counter",
        ("route", "method", "status"),
        "Requests answered, by the pattern of the route, the method and the status.",
    ),
    Metric(
        "mlserve_http_request_duration_seconds",
        "histogram",
        ("route",),
        "Time from a request's arrival in the application to its answer.",
    ),
    Metric(
        "mlserve_prediction_duration_seconds",
        "histogram",
        ("model", "version", "status"),
        "Time to decode, predict and keep a prediction; status is ok, replayed, refused or failed.",
    ),
    Metric(
        "mlserve_explanation_duration_seconds",
        "histogram",
        ("model", "version", "status"),
        "Time to decode and explain instances without keeping them; status is ok, refused or failed.",
    ),
    Metric(
        "mlserve_prediction_instances_total",
        "counter",
        ("model", "version"),
        "Instances that were predicted.",
    ),
    Metric(
        "mlserve_loaded_versions",
        "gauge",
        ("model", "version", "family", "engine", "digest", "champion"),
        "Processes in which an alias leads to this version; champion is yes or no.",
    ),
    Metric("mlserve_model_state", "gauge", ("model", "state"), "Processes in which the model is in this state."),
    Metric("mlserve_health_check", "gauge", ("check", "state"), "Processes in which the check is in this state."),
    Metric("mlserve_ready", "gauge", (), "Processes that are ready to answer predictions."),
    Metric("mlserve_workers", "gauge", (), "Processes that run."),
    Metric(
        "mlserve_spool_backlog_records", "gauge", (), "Kept predictions that are not in the database yet.", merge="max"
    ),
    Metric("mlserve_spool_backlog_bytes", "gauge", (), "Their size in the spool.", merge="max"),
    Metric("mlserve_spool_lag_seconds", "gauge", (), "The age of the oldest of them.", merge="max"),
    Metric(
        "mlserve_spool_set_aside_records",
        "gauge",
        (),
        "Records that lie set aside because the database refused their content.",
        merge="max",
    ),
    Metric(
        "mlserve_webhook_attempt_duration_seconds",
        "histogram",
        ("webhook", "outcome"),
        "Time from sending an event to a webhook to its answer; outcome is delivered or failed.",
    ),
    Metric(
        "mlserve_webhook_due_deliveries",
        "gauge",
        ("webhook",),
        "Events that a webhook is still to be told.",
        merge="max",
    ),
    Metric("mlserve_build_info", "gauge", ("version",), "Always 1; the version of mlserve.", merge="max"),
    Metric("mlserve_process_cpu_seconds_total", "counter", (), "CPU time that the processes have used."),
    Metric("mlserve_process_resident_memory_bytes", "gauge", (), "Resident memory of the processes together."),
)
BY_NAME: Final = {metric.name: metric for metric in METRICS}

# The application's plain counters, which are exported as mlserve_<name>_total; they are there from 0 on, since an
# increase from nothing to 1 is none to Prometheus. A plugin's own are exported when they first count.
COUNTERS: Final = {
    "decoder_fallbacks": "Requests that only the slow decoder could read.",
    "log_drops": "Predictions that were answered and could not be kept.",
    "records_shipped": "Records that the shipper brought into the database.",
    "records_set_aside": "Records that the database refused for their content.",
    "explanations_set_aside": "Explanations set aside: no enabled plugin has a table for them, or it refused them.",
    "spool_damaged": "Damaged places found in spool files.",
    "calls_refused": "Calls refused for who asked.",
}


def core_counters() -> list[Metric]:
    """The metrics of the core's plain counters."""
    return [counter(name) for name in COUNTERS]


def counter(name: str) -> Metric:
    """The metric of a plain counter of the application."""
    return Metric(exported_name(name), "counter", (), COUNTERS.get(name, f"Counted by a plugin as {name}."))


def exported_name(name: str) -> str:
    """The metric's name for a plain counter: `log_drops` → `mlserve_log_drops_total`."""
    safe = "".join(char if char.isascii() and (char.isalnum() or char == "_") else "_" for char in name)
    return f"mlserve_{safe}_total"
