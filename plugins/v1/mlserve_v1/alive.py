"""Whether the server is alive: KServe's client asks the first address of all, where people find a page."""

from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

from mlserve.protocols import json_response


class AliveContext:
    def __init__(self, request: Any) -> None:
        pass


class KServePredicate:
    """Route predicate: a program asks, which names no HTML. Browsers do, and the pages' scripts say who they are."""

    def __init__(self, value: bool, config: Configurator) -> None:
        self.value = value

    def text(self) -> str:
        return f"mlserve_v1_kserve = {self.value}"

    phash = text

    def __call__(self, info: Any, request: Any) -> bool:
        environ = request.environ
        asks = environ["REQUEST_METHOD"] == "GET" and "HTTP_HX_REQUEST" not in environ
        return (asks and "html" not in environ.get("HTTP_ACCEPT", "")) == self.value


def alive(request: Any) -> Response:
    return json_response(b'{"status":"alive"}')
