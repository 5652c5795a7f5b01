"""What is so right now in this process: models, health, memory. Read from memory; nothing is asked that could hang."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from mlserve._version import __version__
from mlserve.observability.health import State
from mlserve.observability.metrics.snapshot import Series

if TYPE_CHECKING:
    from mlserve.application import Application

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
# The checks that measure the spool in the background; a plugin's check may show fields of the same names.
_SPOOL_CHECKS: Final = ("shipper", "log")
_MODEL_STATES: Final = ("ready", "loading", "failed", "idle")
_SPOOL: Final = {
    "backlog_records": "mlserve_spool_backlog_records",
    "backlog_bytes": "mlserve_spool_backlog_bytes",
    "lag_seconds": "mlserve_spool_lag_seconds",
    "set_aside": "mlserve_spool_set_aside_records",
}


def read_gauges(application: "Application") -> dict[str, Series]:
    """The gauges of this process, by name."""
    ready, report = application.readiness()
    return {
        "mlserve_loaded_versions": _versions(application),
        "mlserve_model_state": [
            ((model.name, state), float(model.state == state)) for model in application.live for state in _MODEL_STATES
        ],
        "mlserve_health_check": [
            ((name, state), float(check["state"] == state))
            for name, check in report.items()
            for state in get_args(State)
        ],
        "mlserve_ready": [((), float(ready))],
        "mlserve_workers": [((), 1.0)],
        "mlserve_build_info": [((__version__,), 1.0)],
        "mlserve_process_resident_memory_bytes": [((), float(_resident_memory()))],
        **_spool(report),
        **_webhooks(report),
    }


def _versions(application: "Application") -> Series:
    """All that an alias leads to; an alert looks for processes that do not agree on the champion."""
    return [
        ((it.model, str(it.version), it.family, it.engine, it.digest, "yes" if loaded is model.champion else "no"), 1.0)
        for model in application.live
        for loaded in model.versions
        for it in (loaded.lineage,)
    ]


def _spool(report: dict[str, dict[str, Any]]) -> dict[str, Series]:
    """The spool of this host, as the check that measures it in the background saw it last."""
    checks = [report[name] for name in _SPOOL_CHECKS if name in report]
    seen = {name: [float(check[field]) for check in checks if field in check] for field, name in _SPOOL.items()}
    return {name: [((), max(values))] for name, values in seen.items() if values}


def _webhooks(report: dict[str, dict[str, Any]]) -> dict[str, Series]:
    """What is still to be sent, as the check of the webhooks saw it last."""
    hooks: dict[str, dict[str, Any]] = report.get("webhooks", {}).get("webhooks", {})
    due: Series = [((name,), float(hook["due"])) for name, hook in hooks.items()]
    return {"mlserve_webhook_due_deliveries": due} if due else {}


def _resident_memory() -> int:
    """In bytes; 0 where the system does not say."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0
