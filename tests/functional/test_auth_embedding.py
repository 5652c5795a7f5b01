"""mlserve inside an application that has a security policy of its own, and inside one that has none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.security import Allowed, Denied
from webtest import TestApp

from tests.docs.pages import blocks
from tests.factories import linear_model, settings_of
from tests.functional.callers import bearer, make_key

BODY = {"instances": [{"x": 1.0, "y": 2.0}]}
PREDICTIONS = "/ml/api/v1/models/line/predictions"


class TheirPolicy:
    """Whoever says a name is known; `reader` may observe the model `line`, `writer` may all."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, str]] = []

    def identity(self, request: Any) -> Any:
        return request.headers.get("X-User")

    def authenticated_userid(self, request: Any) -> Any:
        return self.identity(request)

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        self.asked.append((getattr(context, "model", None), permission))
        user = self.identity(request)
        reads = user == "reader" and permission == "mlserve:observe" and context.model in (None, "line")
        return Allowed("yes") if user == "writer" or reads else Denied("not you")

    def remember(self, request: Any, userid: str, **kw: Any) -> list[tuple[str, str]]:
        return []

    def forget(self, request: Any, **kw: Any) -> list[tuple[str, str]]:
        return []


@contextmanager
def embedded(folder: Path, policy: TheirPolicy | None, **settings: str) -> Iterator[TestApp]:
    models = {"line": linear_model(folder), "other": linear_model(folder, "other")}
    config = Configurator(settings=settings_of(folder, models=models, **settings))
    config.include("mlserve", route_prefix="ml")
    if policy is not None:
        config.set_security_policy(policy)
    config.add_route("own", "/own")
    config.add_view(lambda request: {"caller": request.authenticated_userid}, route_name="own", renderer="json")
    app = TestApp(config.make_wsgi_app())
    try:
        yield app
    finally:
        config.registry.mlserve.stop()


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_the_policy_around_us_decides_whatever_our_setting_says(tmp_path: Path, enabled: str) -> None:
    policy = TheirPolicy()
    with embedded(tmp_path, policy, auth__enabled=enabled) as app:
        app.get("/ml/health/live")
        assert app.get("/ml/api/v1/models", status=401).json["code"] == "unauthenticated"
        refused = app.post_json(PREDICTIONS, BODY, headers={"X-User": "reader"}, status=403)
        assert refused.json["code"] == "forbidden"
        made = app.post_json(PREDICTIONS, BODY, headers={"X-User": "writer"}).json
        read = app.get(f"{PREDICTIONS}/{made['id']}", headers={"X-User": "reader"}).json
        assert read["caller"] == "writer"
        assert ("line", "mlserve:predict") in policy.asked


def test_below_another_policy_our_login_leads_nowhere(tmp_path: Path) -> None:
    with embedded(tmp_path, TheirPolicy(), auth__enabled="true") as app:
        app.get("/ml/login", status=303)
        assert "Unauthorized" in app.get("/ml/", headers={"Accept": "text/html"}, status=401).text
        document = app.get("/ml/api/v1/openapi.json", headers={"X-User": "writer"}).json
        assert "securitySchemes" not in document["components"]


def test_pages_say_who_may_not_predict_and_name_no_key_of_ours(tmp_path: Path) -> None:
    with embedded(tmp_path, TheirPolicy()) as app:
        reads = app.get("/ml/models/line", headers={"X-User": "reader", "Accept": "text/html"}).html
        assert reads.select_one("#try button[disabled]")
        assert reads.find(id="why-not").text == "The application around mlserve does not let you do this."
        writes = app.get("/ml/models/line", headers={"X-User": "writer", "Accept": "text/html"}).html
        assert writes.select_one("#try button:not([disabled])")
        assert "MLSERVE_KEY" not in writes.text


def test_lists_show_what_the_policy_around_us_lets_be_seen(tmp_path: Path) -> None:
    with embedded(tmp_path, TheirPolicy()) as app:
        for user, names in (("reader", ["line"]), ("writer", ["line", "other"])):
            listed = app.get("/ml/api/v1/models", headers={"X-User": user}).json["models"]
            assert [model["name"] for model in listed] == names


def test_without_a_policy_around_us_ours_is_the_whole_application_s(tmp_path: Path) -> None:
    with embedded(tmp_path, None, auth__enabled="true") as app:
        assert app.get("/own").json == {"caller": None}
        app.get("/ml/api/v1/models", status=401)
        headers = bearer(make_key(app.app.registry.mlserve, "operate", name="billing"))
        assert app.get("/own", headers=headers).json == {"caller": "key:billing"}
        assert app.post_json(PREDICTIONS, BODY, headers=headers).json["model"] == "line"


def test_pages_below_a_prefix_have_their_login_there(tmp_path: Path) -> None:
    with embedded(tmp_path, None, auth__enabled="true") as app:
        sent = app.get("/ml/models/line", headers={"Accept": "text/html"}, status=303)
        assert sent.location == "http://localhost/ml/login?next=%2Fml%2Fmodels%2Fline"
        assert app.get("/ml/login?next=/own", status=200).forms["login"].action == "/ml/login"


@pytest.fixture
def of_the_page(tmp_path: Path) -> Iterator[TestApp]:
    """The policy of the page on embedding, as it stands there."""
    (block,) = [
        one for one in blocks("docs/howto/embed-in-a-pyramid-application.md", "python") if one.tag == "policy.py"
    ]
    names: dict[str, Any] = {}
    exec(block.text.replace("flight-delay", "line"), names)
    with embedded(tmp_path, names["Policy"]()) as app:
        yield app


def test_the_policy_of_the_page_on_embedding_does_what_the_page_says(of_the_page: TestApp) -> None:
    app = of_the_page
    anybody, team = {"X-User": "bob"}, {"X-User": "ann", "X-Team": "network"}
    models, other = "/ml/api/v1/models", PREDICTIONS.replace("line", "other")
    app.get(models, status=401)
    for headers in (anybody, team):
        assert len(app.get(models, headers=headers).json["models"]) == 2
        app.get("/ml/metrics", headers=headers)
        app.get("/ml/api/v1/openapi.json", headers=headers)
        app.post_json(other, BODY, headers=headers, status=403)
        assert app.post_json("/ml/api/v1/keys", {}, headers=headers, status=403).json["code"] == "forbidden"
        kinds = {event["kind"] for event in app.get("/ml/api/v1/events", headers=headers).json["events"]}
        assert kinds == {"version_registered", "alias_moved"}
    app.post_json(PREDICTIONS, BODY, headers=anybody, status=403)
    made = app.post_json(PREDICTIONS, BODY, headers=team).json
    assert app.get(f"{PREDICTIONS}/{made['id']}", headers=anybody).json["caller"] == "ann"
    alias = "/ml/api/v1/models/line/aliases/canary"
    app.put_json(alias, {"version": 1}, headers={**anybody, "If-None-Match": "*"}, status=403)
    assert app.put_json(alias, {"version": 1}, headers={**team, "If-None-Match": "*"}).json["moved_by"] == "ann"
    assert app.get("/own", headers=anybody).json == {"caller": "bob"}


def test_below_another_policy_there_are_no_keys_of_ours(tmp_path: Path) -> None:
    policy = TheirPolicy()
    with embedded(tmp_path, policy, auth__enabled="true") as app:
        answer = app.post_json("/ml/api/v1/keys", {}, headers={"X-User": "writer"}, status=409)
        assert answer.json["code"] == "auth_off"
        assert policy.asked[-1] == (None, "mlserve:admin")
