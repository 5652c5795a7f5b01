"""`config.include("mlserve")` in somebody else's Pyramid application."""

from pathlib import Path

import pytest
from pyramid.config import Configurator
from pyramid.response import Response
from webtest import TestApp

from tests.factories import linear_model, settings_of


@pytest.fixture
def app(tmp_path: Path):
    config = Configurator(settings=settings_of(tmp_path, models={"line": linear_model(tmp_path)}))
    config.add_route("home", "/")
    config.add_view(lambda request: Response("a stranger's page"), route_name="home")
    config.add_route("broken", "/broken")
    config.add_view(lambda request: {}["missing"], route_name="broken")
    config.include("mlserve", route_prefix="ml")
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
