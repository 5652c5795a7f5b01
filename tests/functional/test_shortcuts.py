"""The shortcut of an address that has answered before gives what Pyramid's own way gives, whatever is sent there."""

import gc
import io
import json
import logging
import re
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlserve_wrapping import deriver
from pyramid.config import Configurator
from pyramid.events import NewRequest
from pyramid.response import Response
from pyramid.router import default_execution_policy

from mlserve.api import shortcuts
from mlserve.api.shortcuts import Shortcuts
from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.callers import bearer, guarded, make_key
from tests.functional.hostile import (
    HEADERS,
    METHODS,
    Reply,
    bodies,
    call,
    header_values,
    mutilated,
)

PATH = "/api/v1/models/line/predictions"
BODY = b'{"instances":[{"x":1.0,"y":2.0}]}'
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
Told = tuple[int, list[tuple[str, str]], str]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("shortcuts")
    with serving(settings_of(folder, models={"line": linear_model(folder)}, limits__body="4KiB")) as served:
        served.predict("line", [[1, 2]])
        yield served


def known(app: Served) -> list[str]:
    """The addresses that the application has a shortcut to."""
    return list(app.app.execution_policy._known)


class _Listening(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = {name: value for name, value in getattr(record, "fields", {}).items() if name != "ms"}
        self.events.append((record.getMessage(), fields))


def told(app: Served, policy: Any, *sent: Any, **more: Any) -> tuple[Told, Counter[Any], list[Any]]:
    """What is answered, counted and logged by one of the two ways, without what differs by nature."""
    listening, log, router = _Listening(), logging.getLogger("mlserve"), app.app
    before, level, usual = counted(app), log.level, router.execution_policy
    router.execution_policy = policy
    log.addHandler(listening)
    log.setLevel(logging.INFO)
    try:
        reply = call(app, *sent, **more)
    finally:
        router.execution_policy = usual
        log.removeHandler(listening)
        log.setLevel(level)
    return plain(reply), counted(app) - before, listening.events


def plain(reply: Reply) -> Told:
    headers = sorted((name, IDS.sub("ID", value)) for name, value in reply.headers.items())
    return reply.status, headers, IDS.sub("ID", reply.body.decode("utf-8", "replace"))


def counted(app: Served) -> Counter[Any]:
    series = app.application.metrics.read().counters
    return Counter(
        {(name, labels): n for name, found in series.items() for labels, n in found if "_seconds" not in name}
    )


def both(app: Served, *sent: Any, **more: Any) -> Told:
    shortcut, pyramid = (
        told(app, policy, *sent, **more) for policy in (app.app.execution_policy, default_execution_policy)
    )
    assert shortcut == pyramid
    return shortcut[0]


ordinary = st.sampled_from(
    [
        BODY,
        b'{"instances":[[1,2],[3,4]]}',
        b'{"columns":{"x":[1],"y":[2]}}',
        b'{"instances":[{"x":1,"y":2}],"reference":"order 7"}',
        b'{"instances":[{"x":1,"y":2}],"explain":true}',
        b'{"instances":[{"x":"1","y":2}]}',
        b'{"instances":[]}',
        b"",
        b"[" * 70,
        b'{"instances":[' + b'{"x":1.0,"y":2.0},' * 300 + b'{"x":1.0,"y":2.0}]}',
    ]
)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.one_of(st.just("POST"), st.sampled_from(METHODS)),
    body=st.one_of(ordinary, bodies, mutilated(ordinary)),
    headers=st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=2),
    query=st.sampled_from(["", "a=1", "%ff"]),
)
def test_whatever_is_sent_both_ways_answer_count_and_log_alike(
    app: Served, method: str, body: bytes, headers: dict[str, str], query: str
) -> None:
    # With a key the second would be a replay, and an id of the server's own would differ.
    headers = {name: value for name, value in headers.items() if name != "Idempotency-Key"}
    both(app, method, PATH, body, query, {**headers, "X-Request-Id": "r"})


@pytest.mark.parametrize("by_pyramid", [False, True])
@pytest.mark.parametrize(("body", "status"), [(BODY, "200 OK"), (b'{"columns":{"x":[1],"y":[2]}}', "200 OK")])
def test_a_body_is_given_back_with_its_answer_and_not_to_the_garbage_collector(
    app: Served, body: bytes, status: str, by_pyramid: bool
) -> None:
    class Body(io.BytesIO):
        """One that can be asked whether it is still there."""

    sent, statuses = Body(body), []
    there = weakref.ref(sent)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": PATH,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": sent,
    }
    shortcuts = app.app.execution_policy
    known = dict(shortcuts._known)
    if by_pyramid:
        shortcuts._known.clear()
    gc.collect()
    gc.disable()
    try:
        b"".join(app.app(environ, lambda status, headers, exc_info=None: statuses.append(status)))
        del environ, sent
        assert there() is None
    finally:
        gc.enable()
        shortcuts._known.update(known)
    assert statuses == [status]


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("POST", BODY, {}, 200),
        ("POST", b'{"instances":[{"x":"1","y":2}]}', {}, 422),
        ("POST", b"{", {}, 400),
        ("POST", b" " * 4097, {}, 413),
        ("POST", BODY, {"Content-Type": "text/plain"}, 415),
        ("POST", BODY, {"Accept": "image/png"}, 406),
        ("POST", BODY, {"Idempotency-Key": "é"}, 400),
        ("GET", b"", {}, 200),
        ("HEAD", b"", {}, 200),
        ("PUT", BODY, {}, 405),
    ],
)
def test_ordinary_requests_and_refusals_are_alike(
    app: Served, method: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert PATH in known(app)
    assert both(app, method, PATH, body, headers={"X-Request-Id": "r", **headers})[0] == status


def test_a_failing_predictor_is_told_alike(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = app.application.live.get("line").loaded()
    monkeypatch.setattr(loaded.predictor, "predict", lambda batch: 1 / 0)
    assert both(app, "POST", PATH, BODY, headers={"X-Request-Id": "r"})[0] == 500


def test_a_model_that_went_is_unknown_by_the_shortcut_too(app: Served) -> None:
    live = app.application.live
    model = live.get("line")
    live.remove("line")
    try:
        assert both(app, "POST", PATH, BODY, headers={"X-Request-Id": "r"})[0] == 404
    finally:
        live.put(model)


def test_who_needs_a_key_needs_it_on_the_shortcut(tmp_path: Path) -> None:
    with guarded(tmp_path) as served:
        key = bearer(make_key(served.application, "predict"))
        other = bearer(make_key(served.application, "observe", name="other"))
        for _ in range(2):
            made = served.post_json(PATH, json.loads(BODY), headers=key)
        assert served.application.serving.log.find(made.json["id"]).caller == "key:app"
        assert known(served) == [PATH]
        for headers, status in (({}, 401), (bearer("mls_none"), 401), (other, 403), (key, 200)):
            assert both(served, "POST", PATH, BODY, headers={"X-Request-Id": "r", **headers})[0] == status


def _subscriber(config: Configurator) -> None:
    config.add_subscriber(lambda event: event.request.environ.update(seen=True), NewRequest)


def foreign_tween(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    return handler


def _tween(config: Configurator) -> None:
    config.add_tween(f"{__name__}.foreign_tween")


def _method(config: Configurator) -> None:
    config.add_request_method(lambda request: 7, "seven")


def _policy(config: Configurator) -> None:
    config.set_execution_policy(lambda environ, router: default_execution_policy(environ, router))


def _route_in_front(config: Configurator) -> None:
    config.add_route("mine", PATH, header="X-Mine")
    config.add_view(lambda request: Response(b"mine"), route_name="mine")
    mapper = config.get_routes_mapper()
    config.commit()
    mapper.routelist.insert(0, mapper.routelist.pop())


@pytest.mark.parametrize("change", [_subscriber, _tween, _method, _policy, _route_in_front])
def test_whoever_changes_what_happens_to_requests_keeps_pyramid_s_way(
    tmp_path: Path, change: Callable[[Configurator], None]
) -> None:
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)}), change) as served:
        for _ in range(2):
            served.predict("line", [[1, 2]])
        policy = served.app.execution_policy
        assert not isinstance(policy, Shortcuts) or not policy._known
        if change is _route_in_front:
            assert served.post(PATH, BODY, headers={"X-Mine": "1"}).body == b"mine"


def test_who_may_not_is_refused_however_often_others_were_answered(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    with serving(settings | {"pyramid.includes": "mlserve_wrapping.permission"}) as served:
        statuses = [
            served.post(PATH, BODY, headers={"X-User": user, "Content-Type": "application/json"}, status="*").status_int
            for user in ("bad", "good", "bad", "good", "bad")
        ]
    assert statuses == [403, 200, 403, 200, 403]


def test_what_is_put_around_every_view_sees_every_request(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    with serving(settings | {"pyramid.includes": "mlserve_wrapping.deriver"}) as served:
        deriver.seen.clear()
        for _ in range(3):
            served.predict("line", [[1, 2]])
    assert deriver.seen == [PATH] * 3


def test_only_what_has_answered_a_post_of_its_own_route_is_known(app: Served) -> None:
    call(app, "POST", "/api/v1/models/none/predictions", BODY)
    call(app, "POST", PATH + "/", BODY)
    call(app, "POST", "/api/v1/models/line/actuals", json.dumps({"actuals": []}).encode())
    assert known(app) == [PATH]
    call(app, "POST", "/api/v1/models/line/versions/1/predictions", BODY)
    assert known(app) == [PATH, "/api/v1/models/line/versions/1/predictions"]


def test_the_address_that_was_learnt_first_makes_room(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    base = "/api/v1/models/line"
    addresses = [f"{base}/aliases/champion/predictions", PATH, f"{base}/versions/1/predictions"]
    monkeypatch.setattr(shortcuts, "MOST", 2)
    app.app.execution_policy._known.clear()
    for address in addresses:
        assert call(app, "POST", address, BODY).status == 200
    assert known(app) == addresses[1:]
    assert both(app, "POST", addresses[0], BODY, headers={"X-Request-Id": "r"})[0] == 200
    assert known(app) == [addresses[2], addresses[0]]
