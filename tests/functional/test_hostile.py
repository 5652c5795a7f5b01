"""Whatever a caller sends: an answer or a 4xx in the one problem shape, never a 5xx, and a refusal leaves no trace."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from waitress.server import create_server

from mlserve.db import migrate
from tests.factories import Served, linear_model, serving, settings_of
from tests.functional import hostile
from tests.functional.hostile import (
    ARGUMENTS,
    HEADERS,
    METHODS,
    PARAMETERS,
    SEGMENTS,
    bodies,
    call,
    check_problem,
    distorted,
    flights_model,
    header_values,
    headers_of_requests,
    kept,
    mutilated,
    paths,
    queries,
)

MODELS = ("line", "flights")
thorough = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))

VALID = {
    "line": [
        {"instances": [{"x": 1.5, "y": -2}]},
        {"instances": [[1, 2], [3, 4e10]], "reference": "order 7"},
        {"columns": {"x": [1, 2, 3], "y": [0.5, 0, -0.0]}, "parameters": {}},
    ],
    "flights": [
        {"instances": [{"city": "Oslo", "distance": 120.5, "stops": 1, "weekend": True}]},
        {"instances": [["Bergen", None, 3.0, False], [None, 1, 2, True]], "reference": None},
        {"columns": {"distance": [1.5, None], "stops": [1, 2], "weekend": [True, False]}},
    ],
}
VALUES = {
    "line": {"value": [1.5, None]},
    "flights": {"probability": [[0.5, 0.25, 0.25], None], "label": ["late", None]},
}


def settings_for(folder: Path, **more: str) -> dict[str, str]:
    models = {"line": linear_model(folder), "flights": flights_model(folder)}
    limits = {
        "limits__body": "32KiB",
        "limits__instances": "20",
        "limits__problems": str(hostile.MOST_PROBLEMS),
    }
    return {**settings_of(folder, models=models, **limits, **more), "mlserve.plugins": "mlserve_linear xgboost"}


class Overheard(logging.Handler):
    """Collects what the application logs as its own failure: a caller's mistake is none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    overheard = Overheard()
    logging.getLogger("mlserve").addHandler(overheard)
    try:
        with serving(settings_for(tmp_path_factory.mktemp("hostile"))) as served:
            yield served
    finally:
        logging.getLogger("mlserve").removeHandler(overheard)
    assert overheard.heard == []


@pytest.fixture(scope="module")
def made(app: Served) -> dict[str, str]:
    """By model, the address of a prediction of two instances."""
    return {
        name: app.predict(name, [list(row) for row in rows]).headers["Content-Location"]
        for name, rows in {"line": [(1, 2), (3, 4)], "flights": [("Oslo", 1, 2, True), (None, None, 3, False)]}.items()
    }


def send(app: Served, method: str, path: str, body: bytes = b"", **more: Any) -> hostile.Reply:
    """An answer that is 200, or a refusal that has left nothing in the log."""
    before = kept(app.application)
    reply = call(app, method, path, body, **more)
    if reply.status != 200:
        if method == "HEAD":
            assert 400 <= reply.status < 500
        elif reply.headers["Content-Type"].startswith("text/html"):
            # The address is a page's, and the caller one who reads pages.
            assert 400 <= reply.status < 500
            assert not path.startswith(("/api/", "/health/", "/metrics", "/static/"))
            assert b"Traceback" not in reply.body
        else:
            check_problem(reply.status, reply.headers, reply.body)
        assert kept(app.application) == before
    elif reply.headers["Content-Type"] == "application/json":
        json.loads(reply.body or b"null")
    return reply


def valid(model: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([json.dumps(body).encode() for body in VALID[model]])


def reports(model: str, identity: str) -> st.SearchStrategy[bytes]:
    single = {"actuals": VALUES[model]}
    return st.sampled_from([json.dumps(body).encode() for body in (single, {"actuals": [{"id": identity, **single}]})])


def any_body(sound: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.one_of(bodies, mutilated(sound), distorted(sound), st.binary(max_size=40))


@pytest.mark.parametrize("model", MODELS)
def test_what_the_mutations_begin_with_is_accepted(app: Served, made: dict[str, str], model: str) -> None:
    for body in VALID[model]:
        before = kept(app.application)
        assert send(app, "POST", f"/api/v1/models/{model}/predictions", msgspec.json.encode(body)).status == 200
        assert kept(app.application) == (before[0] + 1, before[1])
    report = msgspec.json.encode({"actuals": VALUES[model]})
    assert send(app, "PUT", f"{made[model]}/actuals", report).status == 200


@pytest.mark.parametrize("model", MODELS)
@thorough
@given(data=st.data())
def test_no_body_of_a_prediction_is_a_5xx(app: Served, model: str, data: st.DataObject) -> None:
    body = data.draw(any_body(valid(model)))
    reply = send(app, "POST", f"/api/v1/models/{model}/predictions", body)
    assert reply.status in (200, 400, 413, 422)


@pytest.mark.parametrize("model", MODELS)
@thorough
@given(data=st.data())
def test_no_report_of_actuals_is_a_5xx(app: Served, made: dict[str, str], model: str, data: st.DataObject) -> None:
    body = data.draw(any_body(reports(model, made[model].rpartition("/")[2])))
    assert send(app, "PUT", f"{made[model]}/actuals", body).status in (200, 400, 413, 422)
    bulk = send(app, "POST", f"/api/v1/models/{model}/actuals", body)
    assert bulk.status in (200, 400, 413, 422)
    if bulk.status == 200:
        results = json.loads(bulk.body)["results"]
        assert sum(len(item.get("errors", ())) for item in results) <= hostile.MOST_PROBLEMS


@settings(thorough, max_examples=160)
@example(method="POST", path="/", query="", headers={"Accept": "text/html"}, body=b"")
@given(
    method=st.sampled_from(METHODS),
    path=paths,
    query=st.one_of(st.just(""), queries),
    headers=headers_of_requests,
    body=st.one_of(st.just(b""), bodies),
)
def test_no_request_of_any_kind_is_a_5xx(
    app: Served, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    send(app, method, path, body, query=query, headers=headers)


@settings(thorough, max_examples=80)
@given(headers=headers_of_requests, key=st.one_of(st.none(), header_values))
def test_no_header_of_a_valid_request_is_a_5xx(app: Served, headers: dict[str, str], key: str | None) -> None:
    if key is not None:
        headers = {**headers, "Idempotency-Key": key}
    body = msgspec.json.encode(VALID["line"][0])
    reply = send(app, "POST", "/api/v1/models/line/predictions", body, headers=headers)
    assert reply.status in (200, 400, 406, 413, 415, 422)
    assert "\n" not in "".join(reply.headers.values())


@settings(thorough, max_examples=60)
@given(query=queries)
def test_no_query_is_a_5xx(app: Served, query: str) -> None:
    assert send(app, "GET", "/api/v1/models/line/predictions", query=query).status in (200, 400)


def test_each_query_parameter_refuses_what_it_cannot_mean(app: Served) -> None:
    refused = 0
    for name in PARAMETERS[:7]:
        for argument in ARGUMENTS:
            reply = send(app, "GET", "/api/v1/models/line/predictions", query=f"{name}={argument}")
            assert reply.status in (200, 400), (name, argument)
            refused += reply.status == 400
    assert refused > 100


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'"' + b'\\"' * 15_000, "unreadable"),
        (b"[" * 30_000, "unreadable"),
        (b'{"instances":' * 2_000, "unreadable"),
        (b'{"instances": [' + b'["a", 1],' * 2_500 + b"[1, 2]]}", "too_large"),
        (b"{" + b",".join(b'"k%d": 1' % n for n in range(2_000)) + b"}", "invalid"),
        (
            b'{"instances": [[1, 2]], "parameters": {' + b",".join(b'"k%d": 1' % n for n in range(2_000)) + b"}}",
            "invalid",
        ),
        (b'{"instances": [' + b",".join([b'{"a":1,"b":1,"c":1}'] * 20) + b"]}", "invalid"),
        (b'{"instances": [[1' + b"0" * 30_000 + b", 2]]}", "invalid"),
    ],
    ids=["quotes", "arrays", "objects", "instances", "names", "parameters", "fields", "digits"],
)
@pytest.mark.timeout(10, func_only=True)
def test_a_body_made_to_cost_much_costs_little(app: Served, body: bytes, code: str) -> None:
    reply = send(app, "POST", "/api/v1/models/line/predictions", body)
    assert json.loads(reply.body)["code"] == code
    assert len(reply.body) < 10_000


@pytest.mark.timeout(10, func_only=True)
def test_a_query_made_to_cost_much_costs_little(app: Served) -> None:
    reply = send(app, "GET", "/api/v1/models/line/predictions", query="a&" * 100_000)
    assert reply.status == 400
    assert len(send(app, "GET", "/api/v1/models/line/predictions", query="a" * 200_000).body) < 2_000


def test_a_bulk_report_of_bad_items_lists_problems_up_to_the_limit_of_one_answer(app: Served) -> None:
    made = app.predict("line", [[1, 2]] * 20).json["id"]
    item = {"id": made, "actuals": {"value": ["x"] * 20}}
    answer = json.loads(
        send(app, "POST", "/api/v1/models/line/actuals", msgspec.json.encode({"actuals": [item] * 20})).body
    )
    assert answer["refused"] == 20
    assert sum(len(result["errors"]) for result in answer["results"]) == hostile.MOST_PROBLEMS
    assert all(result["more"] for result in answer["results"])


@pytest.fixture(scope="module")
def port(app: Served) -> Iterator[int]:
    """The same application behind a real waitress."""
    server = create_server(app.app, listen="127.0.0.1:0", threads=1)
    loop = threading.Thread(target=server.run)
    loop.start()
    yield int(server.effective_port)
    server.trigger.pull_trigger(server.close)  # In the loop's own thread, which ends when nothing is open any more.
    loop.join(20)
    server.task_dispatcher.shutdown()
    assert not loop.is_alive()


def exchange(port: int, request: bytes) -> bytes:
    """All that the server says to these bytes until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def check_raw(answer: bytes) -> int:
    """A whole HTTP answer that is 200 or a 4xx: ours in the problem shape, or waitress's own word on broken HTTP."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    status = int(status_line.split()[1])
    headers = dict(line.split(": ", 1) for line in lines)
    assert b"Traceback" not in answer
    if b"generated by waitress" in body:
        # A transfer coding that no server has to know is 501 by RFC 9112, section 6.1.
        assert 400 <= status < 500 or (status == 501 and b"Transfer-Encoding" in body)
    elif status != 200:
        check_problem(status, headers, body)
    return status


POST = b"POST /api/v1/models/line/predictions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
SOUND = b'{"instances": [[1, 2]]}'


def framed(extra: bytes, body: bytes = SOUND) -> bytes:
    return POST + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (framed(b"Content-Type: application/json\r\n"), 200),
        (framed(b""), 200),
        (framed(b"X-Request-Id: \xff\x80\r\n"), 200),
        (framed(b"Idempotency-Key: \xe9\r\n"), 400),
        (framed(b"Idempotency-Key:\r\n"), 400),
        (framed(b"Accept: text/html\r\n"), 406),
        (framed(b"Content-Type: text/csv\r\n"), 422),
        (framed(b"Content-Type: text/plain\r\n"), 415),
        (framed(b"Content-Type: application/json; charset=latin-1\r\n"), 415),
        (framed(b"Content-Encoding: gzip\r\n"), 415),
        (framed(b"", b"\xff\xfe{\x00"), 400),
        (framed(b"", b"\x00" * 100), 400),
        (framed(b"", b" " * 33_000), 413),
        (POST + b"Content-Length: 0\r\n\r\n", 400),
        (POST + b"\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n17\r\n" + SOUND + b"\r\n0\r\n\r\n", 200),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: 1e3\r\n\r\n", 400),
        (POST + b"Content-Length: \xb2\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + SOUND, 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (POST + b"Broken header\r\n\r\n", 400),
        (b"GET /api/v1/models/\xff HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /api/v1/models/%ff%fe HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /api/v1/models/line/predictions?cursor=%00\xff HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"BREW /api/v1/models/line HTTP/1.1\r\nConnection: close\r\n\r\n", 405),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    ],
)
def test_bytes_on_the_wire_are_answered_in_order(port: int, request_bytes: bytes, status: int) -> None:
    assert check_raw(exchange(port, request_bytes)) == status


line_bytes = st.binary(max_size=12).map(lambda raw: raw.replace(b"\r", b" ").replace(b"\n", b" "))


@settings(thorough, max_examples=100)
@given(
    name=st.sampled_from(
        [name.encode() for name in HEADERS if name not in ("Content-Length", "Transfer-Encoding", "Expect")]
    ),
    value=line_bytes,
    target=st.one_of(st.just(b""), line_bytes.map(lambda raw: b"/" + raw.replace(b" ", b""))),
    body=st.one_of(st.just(SOUND), st.binary(max_size=30)),
)
def test_no_bytes_on_the_wire_are_a_5xx(
    app: Served, port: int, name: bytes, value: bytes, target: bytes, body: bytes
) -> None:
    before = kept(app.application)
    request = framed(name + b": " + value + b"\r\n", body).replace(b" HTTP/1.1", target + b" HTTP/1.1", 1)
    status = check_raw(exchange(port, request))
    assert kept(app.application)[0] == before[0] + (status == 200)


@pytest.mark.parametrize(
    "begun",
    [
        POST + b"Content-Length: 100\r\n\r\n" + SOUND,
        POST + b"Transfer-Encoding: chunked\r\n\r\n17\r\n" + SOUND,
        POST[:40],
        # Waitress drops the connection over these two.
        b"GET http://[bad/api HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["body", "chunk", "head", "target", "length"],
)
def test_a_request_that_ends_early_is_no_prediction_and_stops_nothing(app: Served, port: int, begun: bytes) -> None:
    before = kept(app.application)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, suppress(ConnectionError):
        connection.sendall(begun)
    assert check_raw(exchange(port, framed(b"", b"{"))) == 400
    assert kept(app.application) == before


def test_each_database_takes_every_query_and_body_alike(database_url: str, tmp_path: Path) -> None:
    """What one dialect forgives, another may not: NUL in a text, a time out of range, a number too wide."""
    migrate.upgrade(database_url, ["mlserve_linear:migrations", "mlserve_xgboost:migrations"])
    with serving(settings_for(tmp_path, database__url=database_url)) as app:
        url = "/api/v1/models/line/predictions"
        made = send(app, "POST", url, msgspec.json.encode({**VALID["line"][1], "reference": "\x01\u2028é\U0001f600"}))
        assert made.status == 200
        for name in PARAMETERS[:7]:
            for argument in ARGUMENTS:
                send(app, "GET", url, query=f"{name}={argument}")
        for text in [*hostile.NUMBERS, *hostile.TEXTS]:
            send(app, "POST", url, hostile.as_bytes(f'{{"instances":[[{text},2]],"reference":{text}}}'))
            send(app, "POST", url, hostile.as_bytes(f'{{"instances":[[1,2]],"reference":{text}}}'))
            report = hostile.as_bytes(f'{{"actuals":{{"value":[{text},null]}}}}')
            send(app, "PUT", f"{made.headers['Content-Location']}/actuals", report)
            identity = hostile.as_bytes(f'{{"actuals":[{{"id":{text},"actuals":{{"value":[1,2]}}}}]}}')
            send(app, "POST", "/api/v1/models/line/actuals", identity)
        for segment in SEGMENTS:
            send(app, "GET", f"{url}/{segment}")
            send(app, "PUT", f"{url}/{segment}/actuals", b'{"actuals":{"value":[1]}}')
        for key in ("a" * 255, "';--", "%00", "{}", "\\"):
            body = msgspec.json.encode(VALID["line"][0])
            assert send(app, "POST", url, body, headers={"Idempotency-Key": key}).status == 200
        assert len(json.loads(send(app, "GET", url).body)["predictions"]) > 5
