"""`config.include("mlserve")` in somebody else's Pyramid application."""

import threading
from pathlib import Path
from typing import Any

import pytest
from cornice import Service
from cornice.service import SERVICES
from pyramid.config import Configurator
from pyramid.response import Response
from webtest import TestApp

from tests.factories import linear_model, settings_of


def asks(request: Any) -> dict[str, Any]:
    """A stranger's view that looks at its request, and at mlserve."""
    return {
        "attributes": [name for name in ("errors", "info", "validated") if hasattr(request, name)],
        "request_id": request.request_id,
        "started": [request.mlserve.started, request.serving is not None, request.mlserve.started],
    }


def validate(request: Any, **kwargs: Any) -> None:
    if "name" not in request.GET:
        request.errors.add("querystring", "name", "is missing")
    request.validated.update(request.GET)


@pytest.fixture
def app(tmp_path: Path):
    config = Configurator(settings=settings_of(tmp_path, models={"line": linear_model(tmp_path)}))
    config.add_route("home", "/")
    config.add_view(lambda request: Response("a stranger's page"), route_name="home")
    config.add_route("broken", "/broken")
    config.add_view(lambda request: {}["missing"], route_name="broken")
    config.add_route("asks", "/asks")
    config.add_view(asks, route_name="asks", renderer="json")
    config.include("mlserve", route_prefix="ml")
    config.include("cornice")
    service = Service(name="theirs", path="/theirs")
    service.add_view("GET", lambda request: request.validated, validators=(validate,))
    service.add_view("POST", lambda request: {}, content_type=("application/json",))
    SERVICES.remove(service)
    config.add_cornice_service(service)
    wsgi = config.make_wsgi_app()
    yield TestApp(wsgi)
    wsgi.registry.mlserve.stop()


def test_predictions_are_served_under_the_prefix(app: TestApp) -> None:
    made = app.post_json("/ml/api/v1/models/line/predictions", {"instances": [[1, 2]]})
    assert made.headers["Content-Location"].startswith("/ml/api/v1/models/line/predictions/")
    assert app.get(made.headers["Content-Location"]).json["outputs"] == [{"value": 1.0}]
    assert app.post_json("/ml/api/v1/models/line/predictions", {}, status=422).json["code"] == "invalid"


def test_the_stranger_s_own_pages_and_errors_stay_their_own(app: TestApp) -> None:
    page = app.get("/")
    assert page.text == "a stranger's page"
    assert "X-Request-Id" not in page.headers
    assert app.get("/nothing", status=404).content_type != "application/problem+json"
    with pytest.raises(KeyError):
        app.get("/broken")


def test_nothing_runs_before_the_first_request_of_ours(app: TestApp, tmp_path: Path) -> None:
    application = app.app.registry.mlserve
    threads = set(threading.enumerate())
    app.get("/")
    assert not application.started
    assert not (tmp_path / "var").exists()
    assert set(threading.enumerate()) == threads
    assert app.get("/ml/health/live").json == {"status": "ok"}
    assert application.started
    assert (tmp_path / "var" / "mlserve.db").exists()


def test_it_can_be_started_earlier(app: TestApp) -> None:
    application = app.app.registry.mlserve
    application.start()
    database = application.database
    app.get("/ml/api/v1/models")
    assert application.database is database


def test_a_start_that_fails_is_a_problem_and_is_tried_again(app: TestApp, tmp_path: Path) -> None:
    content = (tmp_path / "line.linear").read_text()
    (tmp_path / "line.linear").write_text("{")
    failed = app.get("/ml/api/v1/models", status=500)
    assert failed.json["code"] == "configuration"
    assert failed.headers["X-Request-Id"] == failed.json["request_id"]
    assert str(tmp_path) not in failed.text
    (tmp_path / "line.linear").write_text(content)
    assert [model["state"] for model in app.get("/ml/api/v1/models").json["models"]] == ["ready"]


def test_a_stranger_s_request_has_our_four_attributes_and_no_more(app: TestApp) -> None:
    assert app.get("/asks").json == {"attributes": [], "request_id": None, "started": [False, True, True]}


def test_a_stranger_s_cornice_services_work_wherever_they_are(app: TestApp) -> None:
    assert app.get("/theirs?name=Ada").json == {"name": "Ada"}
    assert app.get("/theirs", status=422).json["errors"][0]["field"] == "name"
    app.post("/theirs", b"x", content_type="text/plain", status=415)
