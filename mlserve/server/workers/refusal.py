"""How a worker says that it has no room, to whoever has asked: in our own form, or in that of the protocol asked."""

from collections.abc import Callable, Iterable
from typing import Any

from pyramid.request import Request

from mlserve.api.problems import domain_problem
from mlserve.api.tween import NO_ROUTE, NO_SNIFFING
from mlserve.errors import Busy
from mlserve.observability import request_id
from mlserve.turns import TOO_MANY

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def refusing(registry: Any, sentence: str = TOO_MANY) -> Wsgi:
    """A WSGI application that answers 503 with Retry-After, code `busy`; `registry` is that of the Pyramid one."""

    def refuse(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.registry = registry
        with request_id.bound(environ.get("HTTP_X_REQUEST_ID")) as identity:
            environ["mlserve.request_id"] = identity
            response = domain_problem(Busy(sentence, retry_after=1), request)
        response.headerlist.extend((("X-Request-Id", identity), NO_SNIFFING))
        # Nothing has been looked up for it, and so it belongs to no route.
        registry.mlserve.metrics.request(NO_ROUTE, environ["REQUEST_METHOD"], "503", 0)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    return refuse
