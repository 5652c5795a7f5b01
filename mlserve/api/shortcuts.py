"""Shortcuts to addresses that have answered before: their route and view are not looked for again.

Pyramid tries one route after the other, binds thread-locals, adapts a traverser and looks a view up, for every request
anew. Of an address that has answered a POST by a route of its own, all of it is known: the second request runs the same
context factory and the same view within the same tweens. Whoever changes anything in between is asked, as ever: then
there are no shortcuts.
"""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, NamedTuple

from pyramid.config import Configurator
from pyramid.interfaces import (
    IExecutionPolicy,
    IMultiView,
    IRequestExtensions,
    ITweens,
    IView,
    IViewClassifier,
    IViewDerivers,
)
from pyramid.predicates import RequestMethodPredicate
from pyramid.tweens import EXCVIEW
from zope.interface import providedBy

from mlserve.api.context import ApiContext, FamilyPredicate
from mlserve.api.resources import Direct
from mlserve.types import Request

log = logging.getLogger("mlserve.api")

TWEENS: Final = ("mlserve.api.tween.request_tween", EXCVIEW)
# What Pyramid by itself puts around a view. None of it does anything to a plain one without a permission.
_DERIVERS: Final = {
    *("secured_view", "owrapped_view", "http_cached_view", "decorated_view", "rendered_view", "mapped_view"),
    "csrf_view",
}
# Addresses that are kept, those that were learnt last.
MOST: Final = 1000
# Where Pyramid keeps the resource of a request, which keeps the request. Only the garbage collector would free the two,
# with the body and all that was made of it, and it comes by after a hundred requests.
_VIEW: Final = "__view__"
# After everybody who sets a policy: the application's, whose it is, is the one in force.
_LAST: Final = 1000


def includeme(config: Configurator) -> None:
    registry = config.registry

    def register() -> None:
        if registry.mlserve.alone and registry.queryUtility(IExecutionPolicy) is None:
            registry.registerUtility(Shortcuts(), IExecutionPolicy)

    config.action("mlserve shortcuts", register, order=_LAST)


class Shortcut(NamedTuple):
    """What Pyramid has found for an address. `families` are the predicates of the route that may say no tomorrow.

    `direct` is what the resource has in place of its view, if anything.
    """

    route: Any
    match: dict[str, str]
    families: tuple[FamilyPredicate, ...]
    request_iface: Any
    view: Callable[[Any, Any], Any]
    direct: Direct | None

    def handle(self, request: Any) -> Any:
        """What Pyramid's router does within the tweens, once it has found what is known here."""
        attributes = request.__dict__
        context = attributes["root"] = attributes["context"] = self.route.factory(request)
        if self.direct is not None and (response := self.direct(context, request)) is not None:
            return response
        return self.view(context, request)


class Known(NamedTuple):
    """A shortcut and the tweens around it."""

    shortcut: Shortcut
    answer: Callable[[Any], Any]


class Shortcuts:
    """Pyramid's execution policy of an application that is mlserve alone."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._learning = Lock()

    def __call__(self, environ: dict[str, Any], router: Any) -> Any:
        known = self._known.get(environ.get("PATH_INFO", "")) if environ["REQUEST_METHOD"] == "POST" else None
        if known is None:
            return self._by_pyramid(environ, router)
        shortcut, answer = known
        request = Request(environ)
        attributes = request.__dict__
        attributes.update(
            registry=router.registry,
            invoke_subrequest=router.invoke_subrequest,
            matchdict=shortcut.match.copy(),
            matched_route=shortcut.route,
            request_iface=shortcut.request_iface,
        )
        for family in shortcut.families:
            if not family({"match": shortcut.match, "route": shortcut.route}, request):
                return self._by_pyramid(environ, router)
        try:
            response = answer(request)
            if "response_callbacks" in attributes:
                request._process_response_callbacks(response)
            return response
        finally:
            if "finished_callbacks" in attributes:
                request._process_finished_callbacks()
            attributes.pop(_VIEW, None)

    def _by_pyramid(self, environ: dict[str, Any], router: Any) -> Any:
        with router.request_context(environ) as request:
            try:
                response = router.invoke_request(request)
            finally:
                request.__dict__.pop(_VIEW, None)
            if environ["REQUEST_METHOD"] == "POST" and response.status_code == 200:
                try:
                    self._learn(router, request)
                except Exception:  # It is answered, and its prediction kept.
                    log.exception("shortcut_failed")
            return response

    def _learn(self, router: Any, request: Any) -> None:
        shortcut = _shortcut_of(router, request) if _nothing_between(router) else None
        if shortcut is None:
            return
        known = Known(shortcut, router.registry.getUtility(ITweens)(shortcut.handle, router.registry))
        with self._learning:
            self._known[request.environ["PATH_INFO"]] = known
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]


def _nothing_between(router: Any) -> bool:
    """Whether the application makes, wraps and tells its requests as mlserve does by itself."""
    tweens = router.registry.getUtility(ITweens)
    return (
        tuple(name for name, _ in tweens.explicit or tweens.implicit()) == TWEENS
        and router.request_factory is Request
        and not router.registry.has_listeners
        and router.registry.queryUtility(IRequestExtensions) is None
        and not (router.debug_routematch or router.debug_notfound)
    )


def _shortcut_of(router: Any, request: Any) -> Shortcut | None:
    """The way that Pyramid has taken, where every POST to the same address takes it while the family is the same."""
    route, context = request.matched_route, request.__dict__.get("root")
    if route is None or not isinstance(context, ApiContext) or not _is_of_one_verb(route):
        return None
    for other in router.routes_mapper.get_routes():
        if not _is_settled(other) and other.match(request.path_info) is not None:
            return None
        if other is route:
            break
    iface = request.request_iface
    view = router.registry.adapters.lookup((IViewClassifier, iface, providedBy(context)), IView, name="")
    if view is None or IMultiView.providedBy(view) or hasattr(view, "__predicated__"):
        return None  # Which view answers depends on more than the address.
    families = tuple(it for it in route.predicates if isinstance(it, FamilyPredicate))
    direct = direct_of(getattr(view, "__original_view__", None)) if _is_bare(router, view) else None
    return Shortcut(route, dict(route.match(request.path_info)), families, iface, view, direct)


def _is_bare(router: Any, view: Any) -> bool:
    """Whether around the resource Pyramid has put nothing that decides or sees: no permission, no other's deriver."""
    derivers = router.registry.queryUtility(IViewDerivers)
    names = set() if derivers is None else {name for name, _ in derivers.sorted()}
    return getattr(view, "__permission__", None) is None and names <= _DERIVERS


def direct_of(resource: Any) -> Direct | None:
    """What may answer a POST in place of the resource; not what it has from a class whose `post` is not its own."""
    for parent in getattr(resource, "__mro__", ()):
        if "direct" in vars(parent):
            found: Direct | None = parent.direct.get("post")
            return found
        if "post" in vars(parent):
            return None
    return None


def _is_of_one_verb(route: Any) -> bool:
    return any(type(predicate) is RequestMethodPredicate for predicate in route.predicates)


def _is_settled(route: Any) -> bool:
    """Whether the route looks at nothing but the address, the verb and the model's family."""
    return all(type(predicate) in (RequestMethodPredicate, FamilyPredicate) for predicate in route.predicates)
