"""`/health/live` and `/health/ready`: answered from memory, whatever hangs."""

from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPMethodNotAllowed

from mlserve.observability.health import WELL
from mlserve.types import application_of


def includeme(config: Configurator) -> None:
    for name, view in (("live", live), ("ready", ready)):
        route = f"health.{name}"
        config.registry.mlserve.own(f"/health/{name}")
        config.add_route(route, f"/health/{name}")
        config.add_view(view, route_name=route, request_method="GET", renderer="mlserve", require_csrf=False)
        config.add_view(only_read, route_name=route, require_csrf=False)


def only_read(request: Any) -> Any:
    raise HTTPMethodNotAllowed(headers={"Allow": "GET, HEAD"})


def live(request: Any) -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


def ready(request: Any) -> dict[str, Any]:
    """Each check with its state; 503 unless all of them are well enough to answer predictions."""
    application = application_of(request)
    checks = application.health.report()
    well = application.started and all(check["state"] in WELL for check in checks.values())
    if not well:
        request.response.status_int = 503
    status = "ok" if well and all(check["state"] == "ok" for check in checks.values()) else "degraded"
    return {"status": status if well else "failed", "checks": checks, "counters": application.counters.read()}
