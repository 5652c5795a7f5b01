"""JSON out of values and out of texts that are JSON already."""

import msgspec
from pyramid.testing import DummyRequest

from mlserve.api.renderer import JsonRenderer, json_response


def test_values_are_rendered_and_raw_texts_pass_as_they_are() -> None:
    request = DummyRequest()
    body = JsonRenderer(None)({"a": 1, "b": msgspec.Raw(b"[-0.0, 1.50]")}, {"request": request})
    assert body == b'{"a":1,"b":[-0.0, 1.50]}'
    assert request.response.content_type == "application/json"
    assert JsonRenderer(None)([None], {}) == b"[null]"


def test_a_response_built_by_hand_is_whole() -> None:
    response = json_response(b"{}", ("Content-Location", "/here"))
    assert (response.status_int, response.body) == (200, b"{}")
    assert dict(response.headerlist) == {
        "Content-Type": "application/json",
        "Content-Length": "2",
        "Content-Location": "/here",
    }
