"""What is true of every answer: its request id, its safety header, its line in the access log."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.response import Response

from mlserve.api.own_addresses import OwnAddresses
from mlserve.api.tween import request_tween
from mlserve.observability import request_id
from mlserve.observability.metrics.measures import Measures


def answer(
    path: str, *, owned: bool = True, pattern: str = "/x", metrics: Measures | None = None, **environ: str
) -> tuple[Any, list[str | None]]:
    seen: list[str | None] = []

    def handler(request: Any) -> Any:
        seen.append(request_id.current())
        return Response(b"", 204)

    application = SimpleNamespace(
        own_addresses=OwnAddresses(alone=owned),
        start_if_due=lambda: None,
        metrics=Measures() if metrics is None else metrics,
        route_prefix="",
    )
    registry = SimpleNamespace(mlserve=application)
    request = SimpleNamespace(
        environ={"PATH_INFO": path, "REQUEST_METHOD": "GET", **environ},
        matched_route=SimpleNamespace(pattern=pattern) if pattern else None,
    )
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


def test_a_request_is_measured_by_the_pattern_of_its_route() -> None:
    metrics = Measures()
    answer("/secret/7", pattern="/secret/{id}", metrics=metrics)
    answer("/nowhere/8", pattern="", metrics=metrics, REQUEST_METHOD="BREW")
    answer("/theirs", owned=False, metrics=metrics)
    assert metrics.read().counters["mlserve_http_requests_total"] == [
        (("/secret/{id}", "GET", "204"), 1),
        (("none", "other", "204"), 1),
    ]


def test_a_request_whose_answer_failed_is_measured_as_a_500() -> None:
    metrics = Measures()

    def handler(request: Any) -> Any:
        raise LookupError

    application = SimpleNamespace(
        own_addresses=OwnAddresses(alone=True), start_if_due=lambda: None, metrics=metrics, route_prefix=""
    )
    environ = {"PATH_INFO": "/x", "REQUEST_METHOD": "GET"}
    tween = request_tween(handler, SimpleNamespace(mlserve=application))
    with pytest.raises(LookupError):
        tween(SimpleNamespace(environ=environ, matched_route=None))
    assert metrics.read().counters["mlserve_http_requests_total"] == [(("none", "GET", "500"), 1)]
