"""Requests that a page of another site makes a browser send, and hosts that ask for a token of their own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.session import SignedCookieSessionFactory
from webtest import TestApp

from tests.factories import Served, linear_model, serving, settings_of

BODY = json.dumps({"instances": [{"x": 1.0, "y": 2.0}]})
PREDICTIONS = "/api/v1/models/line/predictions"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)})) as app:
        yield app


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_site_makes_a_browser_send_is_refused(app: Served, headers: dict[str, str]) -> None:
    page = app.get("/models/line", headers={"Accept": "text/html"})
    form = page.forms["try"]
    refused = form.submit(status=400, headers={"Accept": "text/html", **headers})
    assert "another site" in refused.text
    # Without a type, a browser asks nobody before it sends a body.
    untyped = {**headers, "Content-Type": ""}
    problem = app.post(PREDICTIONS, BODY, headers=untyped, status=415).json
    assert problem["code"] == "unsupported_media_type"
    assert app.get(PREDICTIONS).json["predictions"] == []


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost:80"}, {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}]
)
def test_what_this_site_sends_is_taken(app: Served, headers: dict[str, str]) -> None:
    form = app.get("/models/line", headers={"Accept": "text/html"}).forms["try"]
    assert form.submit(headers={"Accept": "text/html", **headers}).status_int == 200
    assert app.post(PREDICTIONS, BODY, headers={**headers, "Content-Type": ""}).status_int == 200


def test_an_api_client_on_another_site_says_json(app: Served) -> None:
    headers = {"Origin": "http://evil.example", "Content-Type": "application/json"}
    assert app.post(PREDICTIONS, BODY, headers=headers).status_int == 200


@pytest.mark.parametrize("session", [True, False])
def test_the_api_needs_no_token_of_its_host(tmp_path: Path, session: bool) -> None:
    settings: dict[str, Any] = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    config = Configurator(settings=settings)
    config.set_default_csrf_options(require_csrf=True)
    if session:
        config.set_session_factory(SignedCookieSessionFactory("secret"))
    config.include("mlserve", route_prefix="ml")
    app = TestApp(config.make_wsgi_app())
    try:
        made = app.post_json("/ml" + PREDICTIONS, json.loads(BODY)).json
        actuals = f"/ml{PREDICTIONS}/{made['id']}/actuals"
        assert app.put_json(actuals, {"actuals": {"value": [1.0]}}).status_int == 200
        assert app.post_json(actuals, {}, status=405).json["code"] == "method_not_allowed"
    finally:
        config.registry.mlserve.stop()


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "text/html"])
def test_nothing_of_a_prediction_goes_into_a_shared_cache(app: Served, accept: str) -> None:
    identity = app.predict("line", [{"x": 1.0, "y": 2.0}]).json["id"]
    for path in (f"/predictions/{identity}", "/models/line/predictions"):
        assert app.get(path, headers={"Accept": accept}).headers["Cache-Control"] == "private, no-cache"
    if accept != "text/html":
        assert app.get(PREDICTIONS, headers={"Accept": accept}).headers["Cache-Control"] == "private, no-cache"
    unknown = app.get("/api/v1/models/other", status=404)
    assert unknown.headers["Cache-Control"] == "private, no-cache"
