"""The outermost work on a request: its id, the headers that every answer has, and the access log."""

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


def request_tween(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    application = registry.mlserve
    owns = application.owns

    def tween(request: Any) -> Any:
        environ = request.environ
        if not owns(environ.get("PATH_INFO", "/")):
            return handler(request)
        started = time.perf_counter_ns()
        with request_id.bound(environ.get("HTTP_X_REQUEST_ID")) as identity:
            environ["mlserve.request_id"] = identity
            response = _not_started(application, request) or handler(request)
            response.headerlist.append(("X-Request-Id", identity))
            response.headerlist.append(("X-Content-Type-Options", "nosniff"))
            if access_log.isEnabledFor(logging.INFO):
                _log_access(environ, response, time.perf_counter_ns() - started)
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


def _log_access(environ: dict[str, Any], response: Any, nanoseconds: int) -> None:
    fields = {
        "method": environ["REQUEST_METHOD"],
        "path": environ.get("PATH_INFO", ""),
        "status": response.status_int,
        "ms": round(nanoseconds / 1e6, 2),
    }
    access_log.info("request", extra={"fields": fields})
