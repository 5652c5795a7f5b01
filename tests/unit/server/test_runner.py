"""waitress's loop with our dispatcher, on real sockets."""

import io
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlserve.errors import ConfigurationError
from mlserve.server.dispatcher import Dispatcher
from mlserve.server.runner import Channel, Server
from mlserve.server.short import Pace, ShortRequests
from mlserve.startup import build
from tests.factories import linear_model, settings_of, until
from tests.functional.callers import bearer, make_key

PATH = "/api/v1/models/line/predictions"
BODY = b'{"instances":[{"x":1}]}'
SETTINGS = {"listen": "127.0.0.1:0", "threads": "2"}


@contextmanager
def running(app: Any, **settings: str) -> Iterator[Server]:
    server = Server(app, {**SETTINGS, **settings})
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.leave()
        thread.join(20)
        assert not thread.is_alive()


class Seen:
    """A WSGI application around another one that remembers in which thread each request was answered."""

    def __init__(self, app: Any) -> None:
        self.app, self.registry = app, app.registry
        self.threads: list[str] = []
        self.environs: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.threads.append("thread" if threading.current_thread().name.startswith("waitress") else "loop")
        self.environs.append(dict(environ))
        if environ["PATH_INFO"] == "/boom" or environ.get("HTTP_BOOM"):
            raise RuntimeError("boom")
        return self.app(environ, start_response)


@contextmanager
def built(folder: Path, **given: str) -> Iterator[Seen]:
    settings = settings_of(folder, models={"line": linear_model(folder, x=2.0)}, log__way="process", **given)
    whole = build(settings, here=None).make_wsgi_app()
    whole.registry.mlserve.start()
    yield Seen(whole)
    whole.registry.mlserve.stop()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Seen]:
    with built(tmp_path) as app:
        yield app


class Wire:
    """A connection that says exactly what it is told to."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(server.addresses[0], 10)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, verb: str, path: str, body: bytes = b"", head: str = "") -> None:
        self.socket.sendall(whole(verb, path, body, head))

    def answer(self, *, empty: bool = False) -> tuple[int, bytes]:
        status = int(self.file.readline().split()[1])
        length = 0
        while line := self.file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, b"" if empty else self.file.read(length)

    def closed(self) -> bool:
        return self.file.read(1) == b""


def whole(verb: str, path: str, body: bytes = b"", head: str = "") -> bytes:
    return f"{verb} {path} HTTP/1.1\r\nHost: h\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def earn(wire: Wire, app: Seen, path: str = PATH, head: str = "") -> None:
    """Predict until the loop answers."""
    for _ in range(200):
        wire.send("POST", path, BODY, head)
        assert wire.answer()[0] == 200
        if app.threads[-1] == "loop":
            return
    raise AssertionError("the loop never answered")


def test_the_threads_answer_first_then_the_loop_over_one_connection(app: Seen) -> None:
    with running(app) as server, Wire(server) as wire:
        earn(wire, app)
        assert app.threads[: Pace.PROOFS] == ["thread"] * Pace.PROOFS
        wire.send("GET", "/api/v1/models")
        assert wire.answer()[0] == 200
        assert app.threads[-1] == "thread"


HEADS = [
    "",
    "Accept: */*\r\nX-Request-Id: r\r\nConnection: keep-alive\r\nA: a\r\nA: b\r\nContent-Type: application/json\r\n",
    "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Forwarded-Host: other\r\n",
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("query", ["", "?a=b%20c"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"url_prefix": "/under"}, {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": "x-forwarded-host"}],
)
def test_the_application_is_told_the_same_in_the_loop(
    app: Seen, head: str, query: str, settings: dict[str, str]
) -> None:
    with running(app, **settings) as server, Wire(server) as wire:
        earn(wire, app, settings.get("url_prefix", "") + PATH + query, head)
    in_thread, in_loop = app.environs[0], app.environs[-1]
    assert (app.threads[0], app.threads[-1]) == ("thread", "loop")
    assert type(in_thread.pop("wsgi.input")) is type(in_loop.pop("wsgi.input"))
    assert in_loop == in_thread
    assert "HTTP_X_FORWARDED_FOR" not in in_loop
    assert in_loop["HTTP_HOST"] == ("other" if "Forwarded-Host" in head and "trusted_proxy" in settings else "h")


def test_chunked_refused_and_broken_requests_are_answered_alike(app: Seen) -> None:
    with running(app) as server, Wire(server) as wire:
        earn(wire, app)
        wire.socket.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"{len(BODY):x}\r\n{BODY.decode()}\r\n0\r\n\r\n".encode()
        )
        assert wire.answer()[0] == 200
        assert app.threads[-1] == "loop"
        wire.send("POST", PATH, b'{"instances":[{"x":"a"}]}')
        assert wire.answer()[0] == 422
        wire.send("POST", PATH, b"{")
        assert wire.answer()[0] == 400
        assert app.threads[-1] == "loop"
        wire.send("HEAD", "/api/v1/models")
        wire.answer(empty=True)
        wire.send("POST", PATH, BODY, "Boom: 1\r\n")
        assert wire.answer()[0] == 500
        assert app.threads[-1] == "loop"
        assert wire.closed()


def test_pipelined_requests_are_answered_in_their_order(app: Seen) -> None:
    with running(app) as server, Wire(server) as wire:
        earn(wire, app)
        bodies = [b'{"instances":[{"x":%d}]}' % number for number in range(5)]
        wire.socket.sendall(
            whole("POST", PATH, bodies[0]) + whole("GET", "/api/v1/models")
            + b"".join(whole("POST", PATH, body) for body in bodies[1:])
        )  # fmt: skip
        told = [wire.answer() for _ in range(6)]
        assert [status for status, _ in told] == [200] * 6
        assert b"outputs" not in told[1][1]
        single = []
        for body in bodies:
            wire.send("POST", PATH, body)
            single.append(wire.answer()[1].partition(b'"outputs"')[2])
        assert [told[place][1].partition(b'"outputs"')[2] for place in (0, 2, 3, 4, 5)] == single


def test_continue_is_said_after_the_answer_before_it(app: Seen) -> None:
    with running(app) as server, Wire(server) as wire:
        earn(wire, app)
        later = whole("POST", PATH, BODY, "Expect: 100-continue\r\n")
        wire.socket.sendall(whole("POST", PATH, BODY) + later[: -len(BODY)])
        assert wire.answer()[0] == 200
        assert wire.answer(empty=True)[0] == 100
        wire.socket.sendall(BODY)
        assert wire.answer()[0] == 200


def test_what_the_socket_does_not_take_at_once_follows(app: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Channel.send
    with running(app) as server, Wire(server) as wire:
        earn(wire, app)
        monkeypatch.setattr(Channel, "send", lambda self, data, do_close=True: send(self, data[:7], do_close))
        wire.send("POST", PATH, BODY)
        status, body = wire.answer()
        assert (status, app.threads[-1]) == (200, "loop")
        assert b"outputs" in body


def test_a_file_follows_the_head_of_its_answer(app: Seen) -> None:
    def with_file(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        told = app(environ, start_response)
        return environ["wsgi.file_wrapper"](io.BytesIO(b"".join(told)))

    with_file.registry = app.registry  # type: ignore[attr-defined]
    with running(with_file) as server, Wire(server) as wire:
        earn(wire, app)
        wire.send("POST", PATH, BODY)
        status, body = wire.answer()
        assert (status, app.threads[-1]) == (200, "loop")
        assert b"outputs" in body


def test_a_client_that_is_gone_harms_nobody(app: Seen) -> None:
    with running(app) as server, Wire(server) as wire:
        earn(wire, app)
        for _ in range(20):
            with Wire(server) as other:
                other.send("POST", PATH, BODY)
        with Wire(server) as other:
            other.send("POST", PATH, BODY, "Connection: close\r\n")
            assert other.answer()[0] == 200
            assert other.closed()
        wire.send("POST", PATH, BODY)
        assert wire.answer()[0] == 200


UNREADABLE = [
    b"GET\r\n\r\n",
    b"\0\r\n\r\n",
    b"GET / HTTP/1.1\r\nbad line\r\n\r\n",
    b"GET /\r HTTP/1.1\r\n\r\n",
    b"GET / HTTP/x\r\n\r\n",
    b"POST http://[bad/x HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("request_head", UNREADABLE)
@pytest.mark.parametrize("before", [0, 2])
def test_what_cannot_be_read_is_refused_and_its_connection_closed(app: Seen, request_head: bytes, before: int) -> None:
    with running(app) as server:
        with Wire(server) as wire:
            wire.socket.sendall(whole("POST", PATH, BODY) * before + request_head)
            assert [wire.answer()[0] for _ in range(before)] == [200] * before
            assert wire.answer()[0] == 400
            assert wire.closed()
        until(lambda: not server.connections)


def test_a_failure_beside_an_answer_keeps_no_connection(app: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with the next request of a connection, in the thread that answered the one before it."""
    failing = ShortRequests.pace_of

    def pace_of(short: ShortRequests, request: Any) -> Pace | None:
        if request.path == "/fails":
            raise RuntimeError("boom")
        return failing(short, request)

    monkeypatch.setattr(ShortRequests, "pace_of", pace_of)
    with running(app) as server, Wire(server) as wire:
        wire.socket.sendall(whole("POST", PATH, BODY) + whole("GET", "/fails"))
        assert wire.answer()[0] == 200
        assert wire.closed()
        until(lambda: not server.connections)


def test_whether_it_lives_is_answered_while_all_threads_are_held(app: Seen) -> None:
    entered, go = threading.Event(), threading.Event()

    def held(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/held":
            entered.set()
            go.wait(10)
        return app(environ, start_response)

    held.registry = app.registry  # type: ignore[attr-defined]
    with running(held, threads="1") as server, Wire(server) as wire, Wire(server) as probe:
        wire.send("GET", "/held")
        assert entered.wait(10)
        probe.socket.sendall(b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n")
        assert probe.answer()[0] == 200
        go.set()
        assert wire.answer()[0] == 404


def test_a_request_with_too_large_a_body_is_refused(app: Seen) -> None:
    with running(app, max_request_body_size="1000") as server, Wire(server) as wire:
        wire.send("POST", PATH, b" " * 2000)
        assert wire.answer()[0] == 413


VERSIONS = "/api/v1/models/line/versions"
ZIP = "Content-Type: application/zip\r\n"


def sent(server: Server, path: str, body: bytes, head: str = ZIP, verb: str = "POST") -> tuple[int, bytes]:
    with Wire(server) as wire:
        wire.send(verb, path, body, head)
        return wire.answer()


def sent_in_chunks(server: Server, path: str, size: int) -> int:
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\n{ZIP}Transfer-Encoding: chunked\r\n\r\n".encode()
    with Wire(server) as wire:
        # As far as it is taken: who is refused in the middle may lose the connection.
        wire.socket.sendall(head + b"3e8\r\n" + b" " * 1000 + b"\r\n")
        if size > 1000:
            wire.socket.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (size - 1000, b" " * (size - 1000)))
        return wire.answer()[0]


@pytest.mark.parametrize("prefix", ["", "/under"])
def test_a_bundle_may_be_larger_than_any_other_body(tmp_path: Path, prefix: str) -> None:
    with (
        built(tmp_path, limits__bundle="5000B") as app,
        running(app, max_request_body_size="1000", url_prefix=prefix) as server,
    ):
        assert sent(server, prefix + VERSIONS, b" " * 3000)[0] == 422  # No bundle, as mlserve says once it has it all.
        assert sent_in_chunks(server, prefix + VERSIONS, 3000) == 422
        status, told = sent(server, prefix + VERSIONS, b" " * 5500)
        assert (status, b"mlserve.limits.bundle" in told) == (413, True)
        status, told = sent(server, prefix + VERSIONS, b" " * 6000)
        assert (status, b"mlserve" in told) == (413, False)
        answered = len(app.environs)
        for path in (PATH, f"{VERSIONS}/1", f"{VERSIONS}/1/retirement", "/api/v1/models/line/aliases", "/a" + VERSIONS):
            assert sent(server, prefix + path, b" " * 2000)[0] == 413
        assert sent(server, prefix + VERSIONS, b" " * 2000, verb="PUT")[0] == 413
        assert len(app.environs) == answered


def test_a_large_bundle_is_taken_of_whom_may_register_it(tmp_path: Path) -> None:
    with built(tmp_path, auth__enabled="true") as app, running(app, max_request_body_size="1000") as server:
        application = app.registry.mlserve
        keys = {
            "deployer": make_key(application, "operate", name="deployer"),
            "of the model": make_key(application, "operate", name="bound", models=["line"]),
            "of another": make_key(application, "operate", name="other", models=["other"]),
            "reader": make_key(application, "predict", "observe", name="reader"),
            "stranger": "mls_" + "a" * 12 + "_" + "b" * 43,
            "nonsense": "é",
        }
        told = {}
        for name, key in keys.items():
            head = "".join(f"{header}: {value}\r\n" for header, value in bearer(key).items())
            told[name] = sent(server, VERSIONS, b" " * 2000, ZIP + head)[0]
        told["nobody"] = sent(server, VERSIONS, b" " * 2000)[0]
        refused = dict.fromkeys(["of another", "reader", "stranger", "nonsense", "nobody"], 413)
        assert told == {"deployer": 422, "of the model": 422, **refused}
        assert sent(server, VERSIONS, b" " * 2000, f"{ZIP}X-API-Key: {keys['deployer']}\r\n")[0] == 422


def test_queued_requests_are_answered_before_the_end(app: Seen) -> None:
    """One thread is held; four requests wait behind it when the server is told to leave."""
    entered, go = threading.Event(), threading.Event()

    def held(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        entered.set()
        go.wait(10)
        start_response("200 OK", [("Content-Length", "1")])
        return [b"x"]

    with running(held, threads="1") as server, ExitStack() as stack:
        wires = [stack.enter_context(Wire(server)) for _ in range(5)]
        for wire in wires:
            wire.send("GET", "/")
        entered.wait(10)
        server.leave()
        go.set()
        told = [wire.answer() for wire in wires]
    assert told == [(200, b"x")] * 5


@pytest.mark.parametrize("body", [b"", b" " * 100_000])
def test_what_has_come_before_the_end_is_answered(app: Seen, body: bytes) -> None:
    """The loop has read nothing yet: connections wait to be taken, and their requests in the sockets, some by parts."""
    server = Server(app, SETTINGS)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server)) for _ in range(20)]
        for wire in wires:
            wire.send("GET", "/api/v1/models", body)
        server.leave()
        server.run()
        assert [wire.answer()[0] for wire in wires] == [200] * 20
        assert all(wire.closed() for wire in wires)


def test_a_port_in_use_is_one_sentence(app: Seen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"^127\.0\.0\.1:{port} is in use: stop the other server"):
            Server(app, {"listen": f"127.0.0.1:{port}"})


@pytest.mark.parametrize("settings", [{"treads": "4"}, {"threads": "four"}, {"listen": "127.0.0.1:seven"}])
def test_what_waitress_does_not_take_is_one_sentence(app: Seen, settings: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"^\[server:main\] is not for waitress: "):
        Server(app, settings)


def test_a_unix_socket(app: Seen, tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    server = Server(app, {"unix_socket": place})
    thread = threading.Thread(target=server.run)
    thread.start()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(place)
        client.sendall(whole("GET", "/api/v1/models", head="Connection: close\r\n"))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    server.leave()
    thread.join(20)
    assert not thread.is_alive()


def test_signals_are_left_as_they_were(app: Seen) -> None:
    server = Server(app, dict(SETTINGS))
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    timer = threading.Timer(0.2, signal.raise_signal, (signal.SIGTERM,))
    timer.start()
    server.run()
    timer.join()
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]


def test_what_the_loop_cannot_answer_is_closed_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """As one of waitress's threads would: the loop outlives everything."""

    class Broken:
        requests = (object(),)
        total_outbufs_len = 0
        will_close = False

        def answer(self) -> None:
            raise SystemExit("an application must not do that")

    pace = Pace()
    pace.in_loop = True

    class Always:
        def pace_of(self, request: object) -> Pace:
            return pace

    dispatcher = Dispatcher(Always())  # type: ignore[arg-type]
    dispatcher.loop = threading.get_ident()
    channel = Broken()
    dispatcher.add_task(channel)
    dispatcher.answer_due()
    assert channel.will_close
    assert "Exception when servicing" in caplog.text
