import gzip
import io
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from mlserve.api.inflating import END_UNPROVED
from mlserve.errors import Busy
from mlserve.server.workers import bodies, streams
from mlserve.server.workers.gate import Gate
from mlserve.server.workers.section import Section
from mlserve.turns import Turns
from tests.factories import until

PATIENCE = 30.0
PREDICTIONS = "/api/v1/models/m/predictions"
CHUNKED = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}


class Pieces:
    """A body that comes when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.asked = 0

    def read(self, size: int) -> bytes:
        self.asked += 1
        self.let.wait(PATIENCE)
        return b"late"


class Calls:
    """Requests in threads of their own, and what each was answered, in the order of their answers."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._threads: list[threading.Thread] = []
        self.answers: list[tuple[str, list[tuple[str, str]], bytes]] = []

    def __call__(self, path: str = PREDICTIONS, body: Any = b"{}", method: str = "POST", **more: Any) -> None:
        """`more` of the environ; the length is that of the body, unless it says another."""
        thread = threading.Thread(target=self._ask, args=(path, body, method, more))
        self._threads.append(thread)
        thread.start()

    def wait(self) -> list[str]:
        for thread in self._threads:
            thread.join(PATIENCE)
        return [status for status, _, _ in self.answers]

    def _ask(self, path: str, body: Any, method: str, more: dict[str, Any]) -> None:
        sent = io.BytesIO(body) if isinstance(body, bytes) else body
        length = {"CONTENT_LENGTH": str(len(body) if isinstance(body, bytes) else 4)}
        said: list[Any] = []
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": sent, **length, **more}
        answer = b"".join(self._gate(environ, lambda status, headers, exc_info=None: said.extend((status, headers))))
        self.answers.append((said[-2], said[-1], answer))


class App:
    """Answers with the body; each call is in `inside` until it is let go. `leaves` gives its turn up."""

    def __init__(self, leaves: Turns | None = None) -> None:
        self.inside = 0
        self.most = 0
        self.let = threading.Event()
        self._leaves = leaves
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            body: bytes = environ["wsgi.input"].read()
        except Busy:  # As the application answers it.
            return refuse(environ, start_response)
        if self._leaves is not None:
            self._leaves.leave()
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.let.wait(PATIENCE)
        with self._lock:
            self.inside -= 1
        start_response("200 OK", [])
        return [body]


def limited(section: Section) -> Turns:
    turns = Turns()
    turns.limit(section.threads, section.waiting, section.patience)
    return turns


def gate_of(app: Any, section: Section, limit: int = 100, lane: Any = None) -> Gate:
    return Gate(app, refuse, limited(section), section, limit, lane)


def refuse(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [])
    return [b"busy"]


def test_computations_never_overlap_and_what_waits_for_a_disk_does() -> None:
    for leaves, together in ((False, 1), (True, 3)):
        turns = limited(Section())
        app = App(turns if leaves else None)
        calls = Calls(Gate(app, refuse, turns, Section(), 100))
        for _ in range(3):
            calls()
        until(lambda app=app, together=together: app.inside == together, PATIENCE)
        app.let.set()
        assert calls.wait() == ["200 OK"] * 3
        assert app.most == together


def test_a_turn_ends_with_its_request_and_is_nobody_elses() -> None:
    """Also where the application fails."""
    app = App()
    app.let.set()

    def fail(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["wsgi.input"].read() == b"fail":
            raise RuntimeError("it fails")
        return app(environ, start_response)

    gate = gate_of(fail, Section(patience=0.05))
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": PREDICTIONS, "wsgi.input": io.BytesIO(b"fail")}
    with pytest.raises(RuntimeError):
        gate(environ, lambda *said: None)
    calls = Calls(gate)
    calls()
    assert calls.wait() == ["200 OK"]


def test_what_waits_too_long_or_finds_too_many_is_refused() -> None:
    app = App()
    calls = Calls(gate_of(app, Section(waiting=1, patience=PATIENCE)))
    calls()
    until(lambda: app.inside == 1, PATIENCE)
    calls()
    calls()
    until(lambda: len(calls.answers) == 1, PATIENCE)
    assert calls.answers[0][0].startswith("503")
    app.let.set()
    assert sorted(calls.wait()) == ["200 OK", "200 OK", "503 Service Unavailable"]

    app = App()
    calls = Calls(gate_of(app, Section(patience=0.01)))
    calls()
    until(lambda: app.inside == 1, PATIENCE)
    calls()
    until(lambda: len(calls.answers) == 1, PATIENCE)
    assert calls.answers[0][0].startswith("503")
    app.let.set()
    calls.wait()


def test_what_does_not_compute_goes_by_the_side() -> None:
    app = App()
    gate = gate_of(app, Section())
    calls = Calls(gate)
    calls()
    calls(method="GET")
    calls("/health/ready", method="GET")
    calls("/api/v1/models/m/predictions/1/reproduction")
    until(lambda: app.inside == 4, PATIENCE)
    app.let.set()
    assert calls.wait() == ["200 OK"] * 4


def test_a_slow_body_holds_no_turn_and_one_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READERS", 3)
    app, slow = App(), Pieces()
    app.let.set()
    gate = gate_of(app, Section())
    calls = Calls(gate)
    calls(body=slow)
    calls(body=b"quick")
    until(lambda: [answer for _, _, answer in calls.answers] == [b"quick"], PATIENCE)
    assert not gate.is_crowded
    calls(body=slow)
    calls(body=slow)
    until(lambda: gate.is_crowded and len(gate._bodies._reading) == 3, PATIENCE)
    calls(body=b"one more")
    until(lambda: len(calls.answers) == 2, PATIENCE)
    assert calls.answers[1][0].startswith("503")
    slow.let.set()
    assert sorted(calls.wait()) == ["200 OK"] * 4 + ["503 Service Unavailable"]


def test_no_more_wait_than_may_though_their_bodies_come_together() -> None:
    app, slow = App(), Pieces()
    gate = gate_of(app, Section(waiting=1, patience=PATIENCE))
    calls = Calls(gate)
    for _ in range(20):
        calls(body=slow)
    until(lambda: len(gate._bodies._reading) == 20, PATIENCE)
    slow.let.set()
    until(lambda: len(calls.answers) == 18, PATIENCE)
    assert [status for status, _, _ in calls.answers] == ["503 Service Unavailable"] * 18
    app.let.set()
    assert calls.wait().count("200 OK") == 2


def test_a_body_without_a_length_is_read_up_to_its_limit() -> None:
    """And one byte more, so that the application can refuse it."""
    app = App()
    app.let.set()
    calls = Calls(gate_of(app, Section(), 10))
    calls(body=b"x" * 1000, **CHUNKED)
    calls.wait()
    assert calls.answers[0][2] == b"x" * 11


def test_a_body_that_says_that_it_is_too_long_is_not_waited_for() -> None:
    """The application refuses it, and has no turn for that."""
    for length in ("101", "9" * 5000):
        source = Pieces()

        def refuse_it(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            start_response("413 Content Too Large", [])
            return [b""]

        calls = Calls(gate_of(refuse_it, Section()))
        calls(body=source, CONTENT_LENGTH=length)
        assert calls.wait() == ["413 Content Too Large"]
        assert source.asked == 0


@pytest.mark.parametrize("path", ["/login", "/api/v1/models/m/actuals"])
def test_slow_bodies_are_counted_wherever_they_go(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """What reads none is answered meanwhile."""
    monkeypatch.setattr(bodies, "READERS", 3)
    app, slow = App(), Pieces()
    app.let.set()
    gate = gate_of(app, Section())
    calls = Calls(gate)
    for _ in range(3):
        calls(path, slow)
    until(lambda: gate.is_crowded and slow.asked == 3, PATIENCE)
    for other in (path, PREDICTIONS):
        calls(other)
    until(lambda: len(calls.answers) == 2, PATIENCE)
    assert [status for status, _, _ in calls.answers] == ["503 Service Unavailable"] * 2
    slow.let.set()
    calls.wait()
    calls(path)
    assert calls.wait()[2:] == ["200 OK"] * 4
    assert not gate.is_crowded


@pytest.mark.parametrize("path", ["/api/v1/models/m/actuals", PREDICTIONS])
def test_large_bodies_have_so_much_room_until_they_are_answered(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Small ones go on beside them; where nobody knows the length, the limit is taken."""
    monkeypatch.setattr(bodies, "ROOM", 1000)
    monkeypatch.setattr(bodies, "LARGEST", 1)
    monkeypatch.setattr(bodies, "SMALL", 10)
    app, slow = App(), Pieces()
    app.let.set()
    gate = gate_of(app, Section(threads=10), 600)
    calls = Calls(gate)
    calls(path, slow, CONTENT_LENGTH="600")
    until(lambda: gate.is_crowded and slow.asked == 1, PATIENCE)
    calls(path, b"x" * 500)
    until(lambda: len(calls.answers) == 1, PATIENCE)
    calls(path, b"{}", **CHUNKED)
    until(lambda: len(calls.answers) == 2, PATIENCE)
    calls(path, b"x" * 10)
    until(lambda: len(calls.answers) == 3, PATIENCE)
    assert [status[:3] for status, _, _ in calls.answers] == ["503", "503", "200"]
    slow.let.set()
    calls.wait()
    app.let.clear()
    calls(path, b"x" * 600)
    until(lambda: app.inside == 1, PATIENCE)
    assert not gate.is_crowded
    calls(path, b"x" * 500)
    until(lambda: len(calls.answers) == 5, PATIENCE)
    app.let.set()
    calls(path, b"{}")
    calls.wait()
    calls(path, b"x" * 600)
    assert [status[:3] for status in calls.wait()[3:]] == ["200", "503", "200", "200", "200"]


def test_a_bundle_takes_no_room_though_it_is_larger_than_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "ROOM", 1000)
    app = App()
    app.let.set()
    calls = Calls(gate_of(app, Section(), 100))
    calls("/api/v1/models/m/versions", b"x" * 5000)
    assert calls.wait() == ["200 OK"]


def test_an_application_reads_by_lines_too() -> None:
    def lines(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"]
        start_response("200 OK", [])
        return [body.readline(), *body.readlines()]

    calls = Calls(gate_of(lines, Section()))
    calls("/other", b"a\nb\nc")
    calls.wait()
    assert calls.answers[0][2] == b"a\nb\nc"


def test_whether_a_body_in_chunks_has_ended_is_not_known() -> None:
    def tells(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"unproved" if END_UNPROVED in environ else b"proved"]

    for path in (PREDICTIONS, "/other"):
        calls = Calls(gate_of(tells, Section()))
        for sent in (CHUNKED, {"CONTENT_LENGTH": "2"}, {"CONTENT_LENGTH": ""}):
            calls(path, **sent)
            calls.wait()
        assert [answer for _, _, answer in calls.answers] == [b"unproved", b"proved", b"proved"]


def test_answers_in_pieces_are_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STREAMS", 2)
    closed: list[int] = []

    def piecewise(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return pieces()

    def pieces() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(1)

    gate = gate_of(piecewise, Section())
    said: list[str] = []

    def ask() -> Any:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": PREDICTIONS, "wsgi.input": io.BytesIO()}
        return gate(environ, lambda status, headers, exc_info=None: said.append(status))

    first, second = ask(), ask()
    assert gate.is_crowded
    assert b"".join(ask()) == b"busy"
    assert said[-1].startswith("503")
    assert next(iter(first)) == b"a"
    first.close()
    assert closed == [1], "what it holds is let go"
    assert b"".join(ask()) == b"ab"
    del second
    assert not gate.is_crowded


def test_an_encoded_body_is_as_large_as_what_it_holds() -> None:
    app = App()
    app.let.set()

    def lane(environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 slow", [])
        return [body]

    short, long = b"x" * 99_999, b"x" * 100_000
    calls = Calls(gate_of(app, Section(slow_from=100_000), 10**6, lane))
    for body, encoding, goes in (
        (gzip.compress(short), "gzip", False),
        (gzip.compress(long), "gzip", True),
        (gzip.compress(long) + gzip.compress(b"x"), "gzip", True),
        (zlib.compress(short), "deflate", False),
        (zlib.compress(long), "deflate", True),
        (b"no gzip", "gzip", False),
        (b"no gzip" * 1000, "gzip", True),
        (b"x" * 100, "br", False),
    ):
        calls(body=body, HTTP_CONTENT_ENCODING=encoding)
        assert calls.wait()[-1] == ("200 slow" if goes else "200 OK")
        assert calls.answers[-1][2] == body


def test_after_a_farewell_each_answer_ends_its_connection() -> None:
    app = App()
    app.let.set()
    gate = gate_of(app, Section(), 10)
    gate.say_farewell()
    for path in (PREDICTIONS, "/health/live"):
        calls = Calls(gate)
        calls(path)
        calls.wait()
        assert ("Connection", "close") in calls.answers[0][1]


@pytest.mark.parametrize(
    ("method", "path", "size", "goes"),
    [
        ("POST", PREDICTIONS, 99, False),
        ("POST", PREDICTIONS, 100, True),
        ("GET", PREDICTIONS, 0, False),
        ("POST", "/api/v1/models/m/explanations", 1, True),
        ("POST", "/v1/models/m:explain", 1, True),
        ("POST", "/v1/models/m:predict", 1, False),
        ("POST", "/models/m/invoke", 100, True),
        ("POST", "/api/v1/models/m/predictions/1/reproduction", 1, True),
        ("GET", "/api/v1/models/m/predictions/1/explanation", 0, True),
        ("POST", "/api/v1/models/m/versions", 1000, False),
    ],
)
def test_what_takes_long_goes_to_the_lane(path: str, size: int, goes: bool, method: str) -> None:
    app = App()
    app.let.set()

    def lane(environ: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 slow", [])
        return [body]

    calls = Calls(gate_of(app, Section(slow_from=100), 10_000, lane))
    calls(path, b"x" * size, method)
    assert calls.wait() == ["200 slow" if goes else "200 OK"]
    assert calls.answers[0][2] == b"x" * size
