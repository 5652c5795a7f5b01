"""The addresses that the document describes: every REST resource of the application, and the few that are views."""

from collections.abc import Iterator, Mapping
from typing import Any

from pyramid.interfaces import IRoutesMapper

from mlserve.api.openapi.document import Address
from mlserve.api.operations import Operation
from mlserve.api.resources import Resource

VERBS = ("get", "post", "put", "patch", "delete")

_CHECK = {
    "type": "object",
    "required": ["state"],
    "properties": {
        "state": {"enum": ["ok", "degraded", "failed", "stale", "unknown"]},
        "age_seconds": {"type": ["number", "null"], "minimum": 0},
    },
    "x-component": "Check",
}
_READY = {
    "type": "object",
    "required": ["status", "checks", "counters"],
    "properties": {
        "status": {"enum": ["ok", "degraded", "failed"]},
        "checks": {"type": "object", "additionalProperties": _CHECK},
        "counters": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    },
    "x-component": "Readiness",
}
_LIVE = {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}}
_TEXT = {"type": "string"}

# The addresses that plain views answer, by the name of their route; those that the application has are described.
VIEWS: Mapping[str, Operation] = {
    "health.live": Operation(summary="Is the process alive", answer=_LIVE),
    "health.ready": Operation(
        summary="Can predictions be answered",
        description="503 while they cannot, with the same body.",
        answer=_READY,
        answers={503: _READY},
    ),
    "mlserve.metrics": Operation(
        summary="Metrics for Prometheus",
        answer=None,
        media={"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
    ),
}


def addresses_of(registry: Any) -> list[Address]:
    """The addresses of an application, by their pattern; those of the application around it are not among them."""
    return sorted(_found(registry), key=lambda address: (address.pattern, address.family or ""))


def _found(registry: Any) -> Iterator[Address]:
    mapper = registry.getUtility(IRoutesMapper)
    prefix = registry.mlserve.route_prefix
    for service in registry.cornice_services.values():
        resources = {args.get("klass") for _, _, args in service.definitions}
        for resource in resources:
            if isinstance(resource, type) and issubclass(resource, Resource) and service.pyramid_route:
                yield _of_resource(_without(prefix, mapper.get_route(service.pyramid_route).pattern), resource)
    for name, operation in VIEWS.items():
        route = mapper.get_route(name)
        if route is not None:
            yield Address(_without(prefix, route.pattern), {"get": operation})


def _of_resource(pattern: str, resource: type[Resource]) -> Address:
    verbs = [verb for verb in VERBS if hasattr(resource, verb)]
    return Address(
        pattern,
        {verb: resource.operations.get(verb) for verb in verbs},
        family=getattr(resource, "family", None),
        summaries={verb: _first_line(getattr(resource, verb).__doc__ or resource.__doc__) for verb in verbs},
        offers=resource.offers,
    )


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]


def _without(prefix: str, pattern: str) -> str:
    path = "/" + pattern.lstrip("/")
    return path.removeprefix(f"/{prefix}") if prefix else path
