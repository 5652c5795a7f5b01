"""What is true of every answer: its request id, its safety header, its line in the access log."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.response import Response

from mlserve.api.tween import request_tween
from mlserve.observability import request_id


def answer(path: str, *, owned: bool = True, **environ: str) -> tuple[Any, list[str | None]]:
    seen: list[str | None] = []

    def handler(request: Any) -> Any:
        seen.append(request_id.current())
        return Response(b"", 204)

    registry = SimpleNamespace(mlserve=SimpleNamespace(owns=lambda path: owned, start_if_due=lambda: None))
    request = SimpleNamespace(environ={"PATH_INFO": path, "REQUEST_METHOD": "GET", **environ})
    return request_tween(handler, registry)(request), seen


def test_an_id_is_bound_while_the_request_is_answered_and_told_in_the_answer() -> None:
    response, seen = answer("/x", HTTP_X_REQUEST_ID="order-7")
    assert seen == ["order-7"]
    assert response.headers["X-Request-Id"] == "order-7"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert request_id.current() is None


@pytest.mark.parametrize("bad", ["", "a b", "x" * 129, "é", "a\r\nX: y"])
def test_an_id_that_is_no_plain_word_is_replaced(bad: str) -> None:
    response, _ = answer("/x", HTTP_X_REQUEST_ID=bad)
    assert response.headers["X-Request-Id"].isalnum()
    assert response.headers["X-Request-Id"] != bad


def test_other_people_s_paths_are_left_alone() -> None:
    response, seen = answer("/theirs", owned=False, HTTP_X_REQUEST_ID="order-7")
    assert seen == [None]
    assert "X-Request-Id" not in response.headers


def test_the_access_log_has_a_line_where_it_is_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mlserve.access"):
        answer("/x")
    assert caplog.records == []
    with caplog.at_level(logging.INFO, "mlserve.access"):
        answer("/x")
    (record,) = caplog.records
    fields = record.fields  # type: ignore[attr-defined]
    assert (fields["method"], fields["path"], fields["status"]) == ("GET", "/x", 204)
    assert fields["ms"] >= 0
