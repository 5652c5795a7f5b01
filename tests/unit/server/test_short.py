"""Which requests are short, and whose models have earned the loop."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from mlserve.application import Application
from mlserve.server.short import LARGEST, Pace, ShortRequests
from mlserve.startup import build
from tests.factories import linear_model, settings_of

PATH = "/api/v1/models/line/predictions"
MILLISECOND = 1_000_000


@pytest.fixture
def application(tmp_path: Path) -> Callable[..., Any]:
    started: list[Application] = []

    def application(**keys: str) -> Any:
        keys = {"log__way": "process", **keys}
        settings = settings_of(tmp_path, models={"line": linear_model(tmp_path, x=2.0)}, **keys)
        app = build(settings, here=None).make_wsgi_app()
        app.registry.mlserve.start()
        started.append(app.registry.mlserve)
        return app

    yield application
    for one in started:
        one.stop()


def request(body: bytes = b'{"instances":[{"x":1}]}', *, path: str = PATH, verb: str = "POST", head: str = "") -> Any:
    """A whole request as waitress's own parser gives it."""
    parser = HTTPRequestParser(Adjustments())
    sent = f"{verb} {path} HTTP/1.1\r\nHost: h\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    while not parser.completed:
        sent = sent[parser.received(sent) :]
    assert parser.completed
    return parser


def test_a_small_prediction_is_short(application: Callable[..., Any]) -> None:
    short = ShortRequests.of(application(), "")
    assert short is not None
    pace = short.pace_of(request())
    assert pace is not None
    assert short.pace_of(request(path=PATH + "?a=1")) is pace


@pytest.mark.parametrize(
    "other",
    [
        request(verb="PUT"),
        request(b"", verb="GET"),
        request(b""),
        request(head="Idempotency-Key: a\r\n"),
        request(path="/api/v1/models/none/predictions"),
        request(path="/api/v1/models/line/explanations"),
        request(path="/api/v1/models/line/predictions/"),
        request(path="/else" + PATH),
        request(b'{"instances":[{"x":1}],"explain":true}'),
        request(b'{"instances":[{"x":1}],"\\u0065xplain":true}'),
        request(b'{"columns":{"x":[1,2]}}'),
        request(json.dumps({"instances": [{}] * 40}).encode()),
        request(json.dumps({"instances": [[1]] * 40}).encode()),
        request(b'{"instances":[{"x":1}]}' + b" " * LARGEST),
        request(head="Transfer-Encoding: gzip\r\n"),
    ],
)
def test_anything_that_may_take_longer_is_not(application: Callable[..., Any], other: Any) -> None:
    short = ShortRequests.of(application(), "")
    assert short is not None
    assert short.pace_of(other) is None


def test_a_prefix_of_the_server_is_known(application: Callable[..., Any]) -> None:
    short = ShortRequests.of(application(), "/ml")
    assert short is not None
    assert short.pace_of(request(path="/ml" + PATH)) is not None
    assert short.pace_of(request()) is None


@pytest.mark.parametrize(("way", "expected"), [("sql", False), ("off", True)])
def test_no_prediction_is_short_where_the_log_waits_for_the_database(
    application: Callable[..., Any], way: str, expected: bool
) -> None:
    short = ShortRequests.of(application(log__way=way), "/ml")
    assert short is not None
    assert (short.pace_of(request(path="/ml" + PATH)) is not None) is expected


@pytest.mark.parametrize("way", ["sql", "process"])
def test_whether_it_lives_is_short_from_the_start(application: Callable[..., Any], way: str) -> None:
    short = ShortRequests.of(application(log__way=way), "/ml")
    assert short is not None
    pace = short.pace_of(request(b"", verb="GET", path="/ml/health/live"))
    assert pace is not None
    assert pace.in_loop
    for other in (
        request(b"", verb="GET", path="/health/live"),
        request(b"", verb="PUT", path="/ml/health/live"),
        request(b"a", verb="GET", path="/ml/health/live"),
    ):
        assert short.pace_of(other) is None


def test_nothing_is_short_in_another_application() -> None:
    assert ShortRequests.of(lambda environ, start: [b""], "") is None


def test_a_new_version_has_to_prove_itself(application: Callable[..., Any]) -> None:
    app = application()
    short = ShortRequests.of(app, "")
    assert short is not None
    pace, live = short.pace_of(request()), app.registry.mlserve.live
    live.put(live.get("line"))
    assert short.pace_of(request()) is not pace


def quick() -> Pace:
    pace = Pace()
    for _ in range(Pace.PROOFS):
        assert not pace.in_loop
        pace.told_by_thread(MILLISECOND, MILLISECOND)
    assert pace.in_loop
    return pace


@pytest.mark.parametrize(("clock", "processor"), [(3 * MILLISECOND, 3 * MILLISECOND), (50 * MILLISECOND, 1)])
def test_who_computes_or_waits_for_long_never_gets_the_loop(clock: int, processor: int) -> None:
    pace = Pace()
    for _ in range(10):
        pace.told_by_thread(MILLISECOND, MILLISECOND)
        pace.told_by_thread(clock, processor)
    assert not pace.in_loop


def test_an_answer_that_was_held_up_costs_nothing() -> None:
    pace = quick()
    for number in range(500):
        pace.told_by_loop(500 * MILLISECOND if number % 100 == 0 else MILLISECOND)
    assert pace.in_loop


@pytest.mark.parametrize(("clock", "answers"), [(8 * MILLISECOND, 32), (500 * MILLISECOND, 5)])
def test_who_grows_slow_loses_the_loop_soon(clock: int, answers: int) -> None:
    pace = quick()
    for _ in range(answers):
        pace.told_by_loop(clock)
    assert not pace.in_loop


def test_and_gets_it_again_after_a_pause_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("mlserve.server.short.time.monotonic", lambda: now)
    pace = quick()
    for pause in (2, 4, 8, 16, 32, 60, 60):
        while pace.in_loop:
            pace.told_by_loop(500 * MILLISECOND)
        now += pause - 0.1
        for _ in range(Pace.PROOFS):
            pace.told_by_thread(1, 1)
        assert not pace.in_loop
        now += 0.1
        for _ in range(Pace.PROOFS):
            pace.told_by_thread(1, 1)
        assert pace.in_loop
    now += 61
    while pace.in_loop:
        pace.told_by_loop(500 * MILLISECOND)
    now += 1
    for _ in range(Pace.PROOFS):
        pace.told_by_thread(1, 1)
    assert pace.in_loop
