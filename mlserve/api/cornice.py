"""The one place that touches Cornice: it declares our REST resources, and costs the hot path nothing.

`config.include("cornice")` would add a NewRequest subscriber, and with it events, an error object and two response
callbacks to every request of the application. So Cornice's directives are registered here, and its per-request set-up
is done by a decorator around Cornice's own views. A plugin's own include of Cornice is then a no-op.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from cornice.errors import Errors
from cornice.pyramidhook import apply_filters, get_fallback_view, register_resource_views, register_service_views
from cornice.renderer import CorniceRenderer
from cornice.service import SERVICES, Service
from cornice.util import ContentTypePredicate
from pyramid.config import Configurator
from pyramid.renderers import null_renderer
from pyramid.security import NO_PERMISSION_REQUIRED

from mlserve.api.negotiation import JSON
from mlserve.api.resources import Resource
from mlserve.auth.guard import guarded, needs_of
from mlserve.errors import Invalid, NotAcceptable, Problem, UnsupportedMediaType
from mlserve.types import Request

VERBS = ("get", "post", "put", "patch", "delete")


def includeme(config: Configurator) -> None:
    # Whoever includes Cornice after this, a plugin or the application around us, finds it already done. Where it was
    # included before us, its own set-up stands, and costs what it costs.
    if not config.action_state.processSpec("cornice:includeme"):
        return
    config.registry.cornice_services = {}
    config.add_directive("add_cornice_service", add_service)
    config.add_directive("add_cornice_resource", register_resource_views)
    config.add_renderer("cornicejson", CorniceRenderer())
    config.add_view_predicate("content_type", ContentTypePredicate)


def add_resource(
    config: Configurator,
    name: str,
    path: str,
    resource: type[Resource],
    *,
    factory: Any,
    model: Callable[[Any], str | None] | None = None,
    **route: Any,
) -> None:
    """Give a resource class a route of that name.

    `factory` makes its context from the request and `offers`, the media types that the verb answers in.
    `model(request)` names the model of a path that does not.
    """
    offers = {verb.upper(): operation.offers for verb, operation in resource.operations.items()}
    needs = needs_of(resource.operations)
    for verb in sorted(resource.plain):
        own_factory = _naming(model, guarded(partial(factory, offers=offers.get(verb.upper(), (JSON,))), needs))
        _add_plain(config, f"{name}.{verb}", path, resource, verb, factory=own_factory, **route)
    factory = partial(_context, factory, {**offers, "HEAD": offers.get("GET", (JSON,))})
    factory = _naming(model, guarded(factory, needs))
    config.add_route(name, path, factory=factory, **route)
    config.add_cornice_service(_service_of(resource, factory=factory, pyramid_route=name))


def _add_plain(config: Configurator, name: str, path: str, resource: type[Resource], verb: str, **route: Any) -> None:
    """Give one verb a route of its own, in front of the resource's: on that one Pyramid would try all views in turn."""
    config.add_route(name, path, request_method=verb.upper(), **route)
    # A plain verb returns a Response, so that there is nothing to render.
    config.add_view(resource, attr=verb, route_name=name, renderer=null_renderer, require_csrf=False)


def _naming(model: Callable[[Any], str | None] | None, factory: Any) -> Any:
    """The factory, once the model is where the guard looks for it."""
    if model is None:
        return factory

    def named(request: Any) -> Any:
        if (found := model(request)) is not None:
            request.matchdict["model"] = found
        return factory(request)

    return named


def _context(factory: Any, offers: dict[str, tuple[str, ...]], request: Any) -> Any:
    return factory(request, offers=offers.get(request.environ["REQUEST_METHOD"], (JSON,)))


def _service_of(resource: type[Resource], *, factory: Any, pyramid_route: str) -> Service:
    """Declare a resource class as a Cornice service on an existing route."""
    service = Service(
        name=pyramid_route,
        pyramid_route=pyramid_route,
        description=resource.__doc__,
        factory=factory,
        renderer="mlserve",
        error_handler=raise_problem,
        require_csrf=False,  # The application around us may ask its own forms for a token; callers of an API have none.
    )
    SERVICES.remove(service)  # Cornice's module-wide list would keep the services of every application alive.
    for verb in VERBS:
        if hasattr(resource, verb):
            service.add_view(verb, verb, klass=resource, plain=verb in resource.plain)
    return service


def add_service(config: Configurator, service: Service) -> None:
    """Cornice's directive `add_cornice_service`, with our error shape and without its NewRequest subscriber."""
    others = copy.copy(service)
    others.definitions = []
    if _is_default(getattr(others, "error_handler", None)):
        others.error_handler = raise_problem  # Cornice's fallback view, for 406 and 415, asks the service itself.
    for method, view, args in service.definitions:
        if not args.get("plain"):  # A plain verb has its view already, on the route that add_resource put in front.
            others.definitions.append((method, view, _with_our_habits(args)))
    # Cornice adds its fallback view through the same door, without the service's arguments.
    door = config.with_package(config.package)
    door.add_view = partial(_add_view, config, require_csrf=getattr(service, "require_csrf", None))
    register_service_views(door, others)
    if service.definitions and not others.definitions:
        # Where every verb is plain, Cornice adds no fallback view, which tells 405 for all others.
        fallback = get_fallback_view(service)
        door.add_view(fallback, route_name=service.pyramid_route, permission=NO_PERMISSION_REQUIRED)
    key = "__cornice" + service.pyramid_route if service.pyramid_route else (config.route_prefix or "") + service.path
    config.registry.cornice_services[key] = service  # All definitions, plain ones too: the API's description reads it.


def _with_our_habits(args: dict[str, Any]) -> dict[str, Any]:
    args = {name: value for name, value in args.items() if name != "plain"}
    if _is_default(args["error_handler"]):
        args["error_handler"] = raise_problem
    if args["filters"] or args.get("cors_origins"):
        args.setdefault("decorator", _filtered)
    return args


def _add_view(config: Configurator, view: Any, *, decorator: Any = (), **args: Any) -> None:
    decorators = decorator if isinstance(decorator, list | tuple) else (decorator,)
    config.add_view(view, decorator=(_with_attributes, *decorators), **args)


def _with_attributes(view: Any) -> Any:
    """Attach what Cornice's views look for; our own request class has it, other requests should cost nothing."""

    def with_attributes(context: Any, request: Any) -> Any:
        if not isinstance(request, Request):
            attach(request)
        return view(context, request)

    return with_attributes


def attach(request: Any) -> None:
    """Do what Cornice's NewRequest subscriber would, unless that one has, or this for another view."""
    for name in ("errors", "info", "validated", "current_service"):
        if not hasattr(request, name):
            setattr(request, name, getattr(Request, name).wrapped(request))


def _is_default(error_handler: Any) -> bool:
    return getattr(error_handler, "__func__", None) is Service.default_error_handler


def _filtered(view: Any) -> Any:
    def filtered(context: Any, request: Any) -> Any:
        request.add_response_callback(apply_filters)
        return view(context, request)

    return filtered


def raise_problem(request: Any) -> None:
    """What Cornice calls when validators or its fallback view have filled `request.errors`."""
    errors: Errors = request.errors
    detail = "; ".join(f"{error['name'] or error['location']}: {_text(error['description'])}" for error in errors)
    if errors.status == 406:
        raise NotAcceptable(detail)
    if errors.status == 415:
        raise UnsupportedMediaType(detail)
    problems = [Problem(code="invalid", expected=_text(error["description"]), field=error["name"]) for error in errors]
    raise Invalid("The request is not valid.", problems=problems)


def _text(description: Any) -> str:
    return description.decode() if isinstance(description, bytes) else str(description)
