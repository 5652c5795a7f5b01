"""Keys: who is let in, where, and what is said to the others."""

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from pyramid.interfaces import IRoutesMapper
from sqlalchemy import select

from mlserve.auth import keys
from mlserve.auth.tables import api_keys
from mlserve.events import Author
from mlserve.predictions import actuals
from tests.factories import Served, serving, until
from tests.functional.callers import bearer, events, guarded, make_key

BODY = {"instances": [{"x": 1.0, "y": 2.0}]}
PREDICTIONS = "/api/v1/models/line/predictions"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with guarded(tmp_path, auth__interval="20ms") as app:
        yield app


def test_without_a_key_there_is_nothing_but_health_and_the_login(app: Served) -> None:
    for address in ("/api/v1/models", "/api/v1/models/line", PREDICTIONS, "/metrics", "/api/v1/openapi.json", "/"):
        answer = app.get(address, status=401)
        assert answer.json["code"] == "unauthenticated"
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="mlserve"'
    app.post_json(PREDICTIONS, BODY, status=401)
    app.get("/health/live")
    app.get("/health/ready")
    app.get("/login")


def test_no_route_of_all_is_left_unguarded(app: Served) -> None:
    """Whoever adds one without a guard fails here; what is open is listed."""
    open_to_all = {"/health/live", "/health/ready", "/login", "/logout", "/static/{version}/{name:.+}"}
    routes = app.app.registry.getUtility(IRoutesMapper).get_routes()
    assert len(routes) > 20
    for route in routes:
        address = re.sub(r"{model}", "line", route.pattern)
        address = re.sub(r"{(?:[^{}]|{[^{}]*})*}", "1", address)
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            status = app.request(address, method=verb, status="*").status_int
            assert (status != 401) == (route.pattern in open_to_all), (verb, route.pattern, status)


def test_who_is_not_known_learns_nothing_of_what_there_is(app: Served) -> None:
    """An unknown model, verb, media type or resource is no more than a known one."""
    answers = [
        app.get("/api/v1/models/none", status="*"),
        app.get("/api/v1/models/line", status="*"),
        app.get("/api/v1/models/line/nothing", status="*"),
        app.put("/api/v1/models/line", status="*"),
        app.get("/api/v1/models/line", headers={"Accept": "image/png"}, status="*"),
        app.get("/predictions/0", status="*"),
        app.options("/api/v1/models/none", status="*"),
        app.options("/api/v1/models/line", status="*"),
    ]
    assert {(answer.status_int, answer.json["detail"]) for answer in answers} == {(401, answers[0].json["detail"])}


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_is_taken_from_either_header(app: Served, header: str) -> None:
    text = make_key(app.application, "predict")
    value = f"Bearer {text}" if header == "Authorization" else text
    assert app.post_json(PREDICTIONS, BODY, headers={header: value}).json["model"] == "line"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "mls_",
        "mls_aaaaaaaaaaaa_" + "x" * 43,
        "mls_aaaaaaaaaaaa_" + "ä" * 43,
        "x" * 10_000,
        "Bearer",
    ],
)
def test_what_is_no_key_is_refused(app: Served, value: str) -> None:
    answer = app.get("/api/v1/models", headers={"X-API-Key": value.encode().decode("latin-1")}, status=401)
    assert "not known" in answer.json["detail"]


def test_a_key_with_another_secret_or_another_id_is_refused(app: Served) -> None:
    text, other = make_key(app.application, "observe"), make_key(app.application, "observe")
    app.get("/api/v1/models", headers=bearer(text))
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    app.get("/api/v1/models", headers=bearer(changed), status=401)
    swapped = "_".join([*other.split("_")[:2], text.split("_", 2)[2]])
    app.get("/api/v1/models", headers=bearer(swapped), status=401)


GET, POST, PUT = "get", "post_json", "put_json"
KNOWN = "/api/v1/models/line/predictions/{id}"
CALLS = [
    (POST, PREDICTIONS, BODY, "predict"),
    (POST, "/api/v1/models/line/explanations", BODY, "predict"),
    (PUT, KNOWN + "/actuals", {"actuals": {"value": [1.0]}}, "predict"),
    (POST, "/api/v1/models/line/actuals", {"actuals": []}, "predict"),
    (GET, PREDICTIONS, None, "observe"),
    (GET, KNOWN, None, "observe"),
    (GET, KNOWN + "/actuals", None, "observe"),
    (POST, KNOWN + "/reproduction", {}, "observe"),
    (GET, "/api/v1/models", None, "observe"),
    (GET, "/api/v1/models/line", None, "observe"),
    (GET, "/metrics", None, "observe"),
    (GET, "/", None, "observe"),
    (GET, "/models/line", None, "observe"),
    (GET, "/models/line/predictions", None, "observe"),
    (GET, "/docs", None, "observe"),
    (GET, "/api/v1/openapi.json", None, "any"),
    (GET, "/api/v1/models/line/openapi.json", None, "any"),
]
MAY = {
    "predict": {"predict", "any"},
    "observe": {"observe", "any"},
    "operate": {"predict", "observe", "any"},
    "admin": {"predict", "observe", "any"},
}


@pytest.mark.parametrize("role", MAY)
def test_each_role_may_do_what_it_says_and_no_more(app: Served, role: str) -> None:
    writer = make_key(app.application, "predict", name="writer")
    identity = app.post_json(PREDICTIONS, BODY, headers=bearer(writer)).json["id"]
    headers = bearer(make_key(app.application, role))
    for verb, address, body, needs in CALLS:
        arguments = (address.format(id=identity), *([] if body is None else [body]))
        answer = getattr(app, verb)(*arguments, headers=headers, status="*")
        if needs in MAY[role]:
            assert answer.status_int not in (401, 403), (verb, address, answer.text)
        else:
            assert answer.status_int == 403, (verb, address)
            assert answer.json["detail"] == f"This key has the role {role}; this needs the role {needs}."


def test_several_roles_add_up(app: Served) -> None:
    headers = bearer(make_key(app.application, "predict", "observe"))
    app.get(PREDICTIONS, headers=headers)
    app.post_json(PREDICTIONS, BODY, headers=headers)


def test_a_key_of_a_model_is_for_that_model(app: Served) -> None:
    headers = bearer(make_key(app.application, "operate", models=["line"]))
    app.post_json(PREDICTIONS, BODY, headers=headers)
    for address in ("/api/v1/models/other", "/api/v1/models/none", "/models/other", "/api/v1/models/other/predictions"):
        answer = app.get(address, headers=headers, status=403)
        assert answer.json["detail"] == "This key is for the model line only."
    for address in ("/metrics", "/docs", "/api/v1/openapi.json"):
        assert "of all models" in app.get(address, headers=headers, status=403).json["detail"]
    assert [model["name"] for model in app.get("/api/v1/models", headers=headers).json["models"]] == ["line"]
    assert "other" not in app.get("/", headers=headers).text


def test_a_prediction_of_another_model_is_not_shown_by_its_id_alone(app: Served) -> None:
    everything = bearer(make_key(app.application, "operate"))
    identity = app.post_json("/api/v1/models/other/predictions", BODY, headers=everything).json["id"]
    app.get(f"/predictions/{identity}", headers=everything)
    bound = bearer(make_key(app.application, "operate", models=["line"]))
    app.get(f"/predictions/{identity}", headers=bound, status=404)


def test_the_caller_is_in_every_record(app: Served) -> None:
    headers = bearer(make_key(app.application, "operate", name="billing"))
    identity = app.post_json(PREDICTIONS, BODY, headers=headers).json["id"]
    keyed = app.post_json(PREDICTIONS, BODY, headers={**headers, "Idempotency-Key": "k"}).json["id"]
    for one in (identity, keyed):
        assert app.get(f"{PREDICTIONS}/{one}", headers=headers).json["caller"] == "key:billing"
    address = f"{PREDICTIONS}/{identity}/actuals"
    app.put_json(address, {"actuals": {"value": [1.0]}}, headers=headers)
    with app.application.database.read() as connection:
        assert actuals.history(connection, identity)[0].caller == "key:billing"


def test_an_idempotency_key_is_its_caller_s_own(app: Served) -> None:
    first, second = (bearer(make_key(app.application, "predict", name=name)) for name in ("a", "b"))
    ids = [
        app.post_json(PREDICTIONS, BODY, headers={**caller, "Idempotency-Key": "k"}).json["id"]
        for caller in (first, second, first)
    ]
    assert ids[0] == ids[2] != ids[1]


def test_a_key_ends_with_its_time(app: Served) -> None:
    past, soon = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
    app.get("/api/v1/models", headers=bearer(make_key(app.application, "observe", expires_at=past)), status=401)
    app.get("/api/v1/models", headers=bearer(make_key(app.application, "observe", expires_at=soon)))


def test_what_another_process_makes_and_revokes_is_seen_by_itself(app: Served) -> None:
    with app.application.database.write() as connection:
        text = keys.create(connection, "late", ["observe"], Author("cli:test")).text
    until(lambda: app.get("/api/v1/models", headers=bearer(text), status="*").status_int == 200)
    with app.application.database.write() as connection:
        keys.revoke(connection, "late", Author("cli:test"))
    until(lambda: app.get("/api/v1/models", headers=bearer(text), status="*").status_int == 401)


def test_the_last_use_is_noted(app: Served) -> None:
    text = make_key(app.application, "observe")
    app.get("/api/v1/models", headers=bearer(text))

    def last_use() -> bool:
        with app.application.database.read() as connection:
            return connection.scalar(select(api_keys.c.last_used_at)) is not None

    until(last_use)


def test_refused_calls_are_events_and_counted_but_few(app: Served) -> None:
    key = bearer(make_key(app.application, "predict", name="nosy"))
    for _ in range(50):
        app.get("/api/v1/models/line", headers=key, status=403)
        app.get("/api/v1/models/line", status=401, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
    until(lambda: len(events(app.application, "call_refused")) == 2)
    by_actor = {event.actor: event for event in events(app.application, "call_refused")}
    assert set(by_actor) == {"key:nosy", "address:192.0.2.1"}
    nosy = by_actor["key:nosy"]
    assert (nosy.model, nosy.after["needs"], nosy.after["route"]) == ("line", "observe", "/api/v1/models/{model}")
    assert app.application.counters.read()["calls_refused"] == 100


def test_a_crowd_of_refused_addresses_makes_few_events(app: Served) -> None:
    for number in range(200):
        app.get("/metrics", status=401, extra_environ={"REMOTE_ADDR": f"192.0.2.{number}"})
    until(lambda: len(events(app.application, "call_refused")) == 20)
    assert app.application.counters.read()["calls_refused"] == 200


def test_a_key_works_while_the_database_is_down_and_after_a_restart_without_it(tmp_path: Path) -> None:
    with guarded(tmp_path) as app:
        text = make_key(app.application, "observe")
    snapshot = tmp_path / "var" / "access.json"
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert text.split("_", 2)[2] not in snapshot.read_text()
    with guarded(tmp_path, database__url="postgresql://nobody@127.0.0.1:1/none", log__way="process") as app:
        app.get("/api/v1/models", headers=bearer(text))
        app.get("/api/v1/models", headers=bearer(text[:-2] + "xx"), status=401)


def test_a_host_that_never_saw_the_keys_lets_nobody_in_without_the_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the registry it has a copy, of the keys it has lost it."""
    with guarded(tmp_path) as app:
        text = make_key(app.application, "observe")
    (tmp_path / "var" / "access.json").unlink()
    with guarded(tmp_path, database__url="postgresql://nobody@127.0.0.1:1/none", log__way="process") as app:
        app.get("/api/v1/models", headers=bearer(text), status=401)
        app.get("/health/live")
    assert "callers_unknown" in caplog.messages


def test_the_description_of_the_api_says_how_to_send_a_key(app: Served) -> None:
    headers = bearer(make_key(app.application, "predict"))
    document = app.get("/api/v1/models/line/openapi.json", headers=headers).json
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    validate(document)
    post = document["paths"][PREDICTIONS]["post"]
    assert post["security"] == [{"bearer": []}, {"key": []}]
    assert {"401", "403", "429"} <= set(post["responses"])


def test_without_the_setting_nobody_needs_a_key(tmp_path: Path) -> None:
    with guarded(tmp_path, auth__enabled="false") as app:
        assert app.post_json(PREDICTIONS, BODY).json["model"] == "line"
        document = app.get("/api/v1/openapi.json").json
        assert "securitySchemes" not in document["components"]
        assert app.get("/login", status=303).location.endswith("/")


def test_a_caller_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with guarded(tmp_path, auth__rate="0.01", auth__burst="2") as app:
        first = bearer(make_key(app.application, "predict", name="a"))
        second = bearer(make_key(app.application, "predict", name="b"))
        answers = [app.post_json(PREDICTIONS, BODY, headers=first, status="*") for _ in range(3)]
        assert [answer.status_int for answer in answers] == [200, 200, 429]
        assert [answer.headers["RateLimit"] for answer in answers] == [
            '"caller";r=1;t=100',
            '"caller";r=0;t=200',
            '"caller";r=0;t=200',
        ]
        assert answers[0].headers["RateLimit-Policy"] == '"caller";q=2;w=200'
        assert (answers[2].json["code"], answers[2].headers["Retry-After"]) == ("rate_limited", "100")
        app.post_json(PREDICTIONS, BODY, headers=second)


def test_a_plugin_s_own_route_is_guarded_too(tmp_path: Path) -> None:
    from tests.factories import settings_of

    settings = settings_of(tmp_path, models={}, auth__enabled="true")

    def configure(config) -> None:
        config.add_route("theirs", "/theirs")
        config.add_view(lambda request: request.response, route_name="theirs")

    with serving(settings, configure) as app:
        app.get("/theirs", status=401)
        app.get("/theirs", headers=bearer(make_key(app.application, "predict")), status=403)
        app.get("/theirs", headers=bearer(make_key(app.application, "observe")))
        app.get("/nothing", status=404)
