"""The outermost work on a request: its id, the headers that every answer has, its metrics and the access log."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid.response import Response

from mlserve.api.problems import domain_problem, internal_problem
from mlserve.errors import MlserveError
from mlserve.observability import request_id

if TYPE_CHECKING:
    from mlserve.application import Application

access_log = logging.getLogger("mlserve.access")

# The verbs whose answers a cache keeps unless it is told otherwise.
CACHED = ("GET", "HEAD")
NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
# What the metrics call the route of a request that none matches.
NO_ROUTE = "none"


def request_tween(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    application = registry.mlserve
    own = application.own_addresses

    def tween(request: Any) -> Any:
        environ = request.environ
        if environ.get("PATH_INFO", "/") not in own:
            return handler(request)
        started = time.perf_counter_ns()
        with request_id.bound(environ.get("HTTP_X_REQUEST_ID")) as identity:
            environ["mlserve.request_id"] = identity
            try:
                response = _not_started(application, request) or handler(request)
            except Exception:
                _measure(application, request, "500", started)
                raise
            response.headerlist.extend((("X-Request-Id", identity), NO_SNIFFING))
            # What is kept of people's data, and what changes, belongs into no shared cache; nothing else says so.
            if environ["REQUEST_METHOD"] in CACHED and "Cache-Control" not in response.headers:
                response.headerlist.append(("Cache-Control", "private, no-cache"))
            nanoseconds = _measure(application, request, response.status[:3], started)
            if access_log.isEnabledFor(logging.INFO):
                _log_access(environ, response, nanoseconds)
        return response

    return tween


def _not_started(application: "Application", request: Any) -> Response | None:
    """Start where the first request must; the problem to answer with where that fails."""
    try:
        application.start_if_due()
    except MlserveError as error:
        return domain_problem(error, request)
    except Exception as error:
        return internal_problem(error, request)
    return None


def _measure(application: "Application", request: Any, status: str, started: int) -> int:
    """Count the request by its route, never by its path; how long it took, in nanoseconds."""
    nanoseconds = time.perf_counter_ns() - started
    route = request.matched_route
    pattern: str = NO_ROUTE if route is None else route.pattern
    if application.route_prefix and route is not None:
        pattern = "/" + pattern.lstrip("/")  # Pyramid leaves the first slash out behind a prefix.
    application.metrics.request(pattern, request.environ["REQUEST_METHOD"], status, nanoseconds)
    return nanoseconds


def _log_access(environ: dict[str, Any], response: Any, nanoseconds: int) -> None:
    fields = {
        "method": environ["REQUEST_METHOD"],
        "path": environ.get("PATH_INFO", ""),
        "status": response.status_int,
        "ms": round(nanoseconds / 1e6, 2),
    }
    access_log.info("request", extra={"fields": fields})
