"""The JSON renderer of our resources, and the plain Response that the hot path answers with."""

from typing import Any

import msgspec
from pyramid.response import Response

_encode = msgspec.json.Encoder().encode


class JsonRenderer:
    """Pyramid renderer: JSON by msgspec; raw JSON texts (`msgspec.Raw`) go out as they are."""

    def __init__(self, info: Any) -> None:
        pass

    def __call__(self, value: Any, system: dict[str, Any]) -> bytes:
        request = system.get("request")
        if request is not None:
            request.response.content_type = "application/json"
        return _encode(value)


class PostResponse(Response):
    """What answers a POST: neither a Location to complete nor a condition to check, for which WebOb would look.

    The attributes are those that WebOb's constructor sets, after it has looked for a charset, a body and a status.
    """

    def __init__(self, *, headerlist: list[tuple[str, str]], app_iter: list[bytes]) -> None:
        self.__dict__.update(
            _status="200 OK", _headers=None, _headerlist=headerlist, _app_iter=app_iter, conditional_response=False
        )

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response(self._status, self._headerlist)
        return self._app_iter


def json_response(body: bytes, *headers: tuple[str, str], kind: type[Response] = Response) -> Response:
    """A 200 with a JSON body, built without WebOb's slower constructor paths."""
    headerlist = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]
    return kind(headerlist=headerlist, app_iter=[body])
