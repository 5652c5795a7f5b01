"""The addresses that the document describes: every REST resource of the application, and the few that are views."""

from collections.abc import Iterator
from typing import Any

from pyramid.interfaces import IRoutesMapper

from mlserve.api.cornice import VERBS
from mlserve.api.openapi.document import OF_A_MODEL, Address
from mlserve.api.resources import Resource
from mlserve.api.views import CATEGORY as VIEWS

# What a caller wants of a model, in this order; then what its family adds.
_FIRST = (
    "/predictions",
    "/predictions/{id}",
    "/explanations",
    "/predictions/{id}/explanation",
    "/predictions/{id}/actuals",
    "/actuals",
    "",
)
_LAST = "/openapi.json"


def addresses_of(registry: Any) -> list[Address]:
    """The addresses of an application: those of no model, then a model's, predictions first.

    Those of the application around it are not among them, nor those of protocols, which others describe.
    """
    return sorted(_found(registry), key=lambda one: (_place(one), one.pattern, one.family or ""))


def _place(address: Address) -> int:
    if not address.of_a_model:
        return -1
    tail = address.pattern.removeprefix(OF_A_MODEL)
    if tail == _LAST:
        return len(_FIRST) + 1
    return _FIRST.index(tail) if tail in _FIRST else len(_FIRST)


def _found(registry: Any) -> Iterator[Address]:
    mapper = registry.getUtility(IRoutesMapper)
    prefix = registry.mlserve.route_prefix
    protocols = registry.mlserve.protocol_resources
    for service in registry.cornice_services.values():
        if service.pyramid_route in protocols:
            continue
        resources = {args.get("klass") for _, _, args in service.definitions}
        for resource in resources:
            if isinstance(resource, type) and issubclass(resource, Resource) and service.pyramid_route:
                yield _of_resource(_without(prefix, mapper.get_route(service.pyramid_route).pattern), resource)
    for found in registry.introspector.get_category(VIEWS, ()):
        view = found["introspectable"]
        yield Address(_without(prefix, mapper.get_route(view.discriminator).pattern), {"get": view["operation"]})


def _of_resource(pattern: str, resource: type[Resource]) -> Address:
    # Before what can be read, the verb that makes it.
    verbs = sorted((verb for verb in VERBS if hasattr(resource, verb)), key=lambda verb: verb == "get")
    return Address(
        pattern,
        {verb: resource.operations.get(verb) for verb in verbs},
        family=getattr(resource, "family", None),
        summaries={verb: _first_line(getattr(resource, verb).__doc__ or resource.__doc__) for verb in verbs},
        negotiated=True,
    )


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]


def _without(prefix: str, pattern: str) -> str:
    path = "/" + pattern.lstrip("/")
    return path.removeprefix(f"/{prefix}") if prefix else path
