"""`/health/live` and `/health/ready`: answered from memory, whatever hangs."""

from functools import partial
from typing import Any

from pyramid.config import Configurator

from mlserve.api.operations import Operation
from mlserve.api.views import add_read_view
from mlserve.application import Application
from mlserve.auth.roles import NONE
from mlserve.observability.health import Degraded
from mlserve.part import Part
from mlserve.types import application_of

_CHECK = {
    "type": "object",
    "required": ["state"],
    "properties": {
        "state": {"enum": ["ok", "degraded", "failed", "stale", "unknown"]},
        "age_seconds": {"type": ["number", "null"], "minimum": 0},
    },
    "x-component": "check",
}
_READINESS = {
    "type": "object",
    "required": ["status", "checks", "counters"],
    "properties": {
        "status": {"enum": ["ok", "degraded", "failed"]},
        "checks": {"type": "object", "additionalProperties": _CHECK},
        "counters": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    },
    "x-component": "readiness",
}
LIVE = Operation(
    summary="Is the process alive",
    answer={"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
    needs=NONE,
)
READY = Operation(
    summary="Can predictions be answered",
    description="503 while they cannot, with the same body.",
    answer=_READINESS,
    answers={503: _READINESS},
    needs=NONE,
)


# What a worker has kept is in the database within a second or two; when nobody has shipped for so long, in seconds,
# something is wrong.
BEHIND = 10


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    if application.part is Part.WORKER:
        application.health.add("processes", partial(_siblings, application))
    for name, view, operation in (("live", live, LIVE), ("ready", ready, READY)):
        add_read_view(config, f"health.{name}", f"/health/{name}", view, operation, renderer="mlserve")


def _siblings(application: Application) -> dict[str, Any]:
    """Degraded while a worker is missing, or nobody ships: the others answer meanwhile, and the spool keeps."""
    found = application.siblings
    if found and (
        found["running"] < found["workers"]
        or found.get("slow_running", 0) < found.get("slow_workers", 0)
        or not found["background"]
        or found["behind_seconds"] >= BEHIND
    ):
        raise Degraded(found)
    return found


def live(request: Any) -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


def ready(request: Any) -> dict[str, Any]:
    """Each check with its state; 503 unless all of them are well enough to answer predictions."""
    application = application_of(request)
    well, checks = application.readiness()
    if not well:
        request.response.status_int = 503
    status = "ok" if well and all(check["state"] == "ok" for check in checks.values()) else "degraded"
    return {"status": status if well else "failed", "checks": checks, "counters": application.counters.read()}
