"""Resources through Cornice: its views, none of its work for each request."""

from typing import Any, ClassVar

import pytest
from cornice import Service
from cornice.service import SERVICES
from pyramid.config import Configurator
from pyramid.interfaces import IRequestExtensions, IRoutesMapper
from pyramid.response import Response
from webtest import TestApp

from mlserve.api.cornice import add_resource
from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.errors import Invalid, NotAcceptable, UnsupportedMediaType
from mlserve.types import Request


class Shelf(Resource):
    """A shelf of things."""

    plain: ClassVar[frozenset[str]] = frozenset({"post"})
    built = 0

    def __init__(self, request: Any, context: Any = None) -> None:
        super().__init__(request, context)
        type(self).built += 1

    def get(self) -> dict[str, Any]:
        return {"context": type(self.context).__name__}

    def post(self) -> Any:
        self.request.response.body = b"posted"
        return self.request.response


class Context:
    def __init__(self, request: Any, offers: tuple[str, ...]) -> None:
        self.offers = offers


@pytest.fixture
def config() -> Configurator:
    config = Configurator(request_factory=Request)
    config.include("mlserve.api.cornice")
    config.add_renderer("mlserve", "mlserve.api.renderer.JsonRenderer")
    for kind, status in ((NotAcceptable, 406), (UnsupportedMediaType, 415), (Invalid, 422)):
        config.add_exception_view(_with_status(status), context=kind, renderer="json")
    return config


def _with_status(status: int) -> Any:
    def view(error: Any, request: Any) -> Any:
        request.response.status_int = status
        return {"detail": error.detail, "fields": [problem.field for problem in error.problems]}

    return view


class Drawer(Resource):
    """What is answered in other types, each verb by itself."""

    operations: ClassVar = {
        "get": Operation("Read", answer={}, media={"text/csv": {}}),
        "put": Operation("Draw", answer=None, media={"image/svg+xml": {}}),
        "delete": Operation("Throw away", answer=None),
    }

    def get(self) -> list[str]:
        return list(self.context.offers)

    put = post = delete = get


def test_each_verb_offers_the_media_types_that_it_is_described_with(config: Configurator) -> None:
    add_resource(config, "drawer", "/drawer", Drawer, factory=Context)
    app = TestApp(config.make_wsgi_app())
    assert app.get("/drawer").json == ["application/json", "text/csv"]
    assert app.head("/drawer").headers["Content-Length"] == app.get("/drawer").headers["Content-Length"]
    assert app.put("/drawer").json == ["image/svg+xml"]
    assert app.post("/drawer").json == app.delete("/drawer").json == ["application/json"]


def test_a_resource_answers_its_verbs_and_is_built_once_a_request(config: Configurator) -> None:
    before = len(SERVICES)
    add_resource(config, "shelf", "/shelf", Shelf, factory=Context)
    app = TestApp(config.make_wsgi_app())
    Shelf.built = 0
    assert app.get("/shelf").json == {"context": "Context"}
    assert app.post("/shelf").text == "posted"
    assert Shelf.built == 2
    assert {"GET", "POST"} <= set(app.delete("/shelf", status=405).headers["Allow"].replace(" ", "").split(","))
    assert len(SERVICES) == before  # Nothing global keeps the resources of every application alive.


def test_a_plain_verb_has_a_route_of_its_own_in_front_and_is_the_only_view_there(config: Configurator) -> None:
    add_resource(config, "shelf", "/shelf", Shelf, factory=Context)
    config.commit()
    routes = config.registry.getUtility(IRoutesMapper).get_routes()
    assert [(route.name, route.pattern) for route in routes] == [("shelf.post", "/shelf"), ("shelf", "/shelf")]
    views = [found["introspectable"] for found in config.registry.introspector.get_category("views")]
    assert [view["attr"] for view in views if view["route_name"] == "shelf.post"] == ["post"]
    assert "POST" not in [view["request_methods"] for view in views if view["route_name"] == "shelf"]


def test_a_plain_verb_offers_the_media_types_that_it_is_described_with(config: Configurator) -> None:
    class Plain(Drawer):
        plain: ClassVar[frozenset[str]] = frozenset({"put", "delete"})

        def put(self) -> Any:
            return Response(json=self.context.offers)

        delete = put

    add_resource(config, "drawer", "/drawer", Plain, factory=Context)
    app = TestApp(config.make_wsgi_app())
    assert app.put("/drawer").json == ["image/svg+xml"]
    assert app.delete("/drawer").json == app.post("/drawer").json == ["application/json"]


def test_the_description_of_a_service_has_its_plain_verbs_too(config: Configurator) -> None:
    add_resource(config, "shelf", "/shelf", Shelf, factory=Context)
    config.commit()
    (service,) = config.registry.cornice_services.values()
    assert {method for method, _, _ in service.definitions} >= {"GET", "POST"}
    assert service.description == "A shelf of things."


def test_including_cornice_again_changes_nothing(config: Configurator) -> None:
    add_resource(config, "shelf", "/shelf", Shelf, factory=Context)
    config.include("cornice")
    app = TestApp(config.make_wsgi_app())
    assert list(config.registry.cornice_services)
    assert not config.registry.has_listeners
    assert config.registry.queryUtility(IRequestExtensions) is None
    assert app.get("/shelf").status_int == 200


def test_cornice_s_own_refusals_become_domain_errors(config: Configurator) -> None:
    def refuse(request: Any, **kwargs: Any) -> None:
        request.errors.add("body", "name", "is missing")

    service = Service(name="things", path="/things")
    service.add_view("GET", lambda request: {}, validators=(refuse,))
    service.add_view("POST", lambda request: {}, content_type=("application/json",))
    service.add_view("PUT", lambda request: {}, accept=("application/json",))
    SERVICES.remove(service)
    config.add_cornice_service(service)
    app = TestApp(config.make_wsgi_app())
    refused = app.get("/things", status=422).json
    assert refused["fields"] == ["name"]
    assert "Content-Type" in app.post("/things", b"x", content_type="text/plain", status=415).json["detail"]
    assert "Accept" in app.put("/things", headers={"Accept": "text/html"}, status=406).json["detail"]


def test_a_service_s_filters_run(config: Configurator) -> None:
    def shout(response: Any, request: Any) -> Any:
        response.body = response.body.upper()
        return response

    service = Service(name="quiet", path="/quiet", filters=(shout,))
    service.add_view("GET", lambda request: {"a": "word"})
    SERVICES.remove(service)
    config.add_cornice_service(service)
    assert TestApp(config.make_wsgi_app()).get("/quiet").body == b'{"A": "WORD"}'
