"""JSON out of values and out of texts that are JSON already."""

import msgspec
from pyramid.request import Request
from pyramid.testing import DummyRequest

from mlserve.api.renderer import JsonRenderer, PostResponse, json_response


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


def test_the_answer_to_a_post_goes_out_with_what_was_added_to_it() -> None:
    response = json_response(b"{}", ("Content-Location", "/here"), kind=PostResponse)
    response.headerlist.append(("X-Request-Id", "r"))
    response.status_int = 202
    status, headers, body = Request.blank("/", method="POST").call_application(response)
    assert (status, headers, b"".join(body)) == ("202 Accepted", response.headerlist, b"{}")
    assert dict(headers)["X-Request-Id"] == "r"
