"""What is sent again, and what is not: against a real server on a socket that answers as it is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLCertVerificationError
from typing import Any

import pytest

from mlserve_client import (
    Client,
    NoAnswerError,
    ProblemError,
    RateLimitedError,
    UnavailableError,
    UnexpectedAnswerError,
)
from mlserve_client import connection as module
from mlserve_client.connection import time_text

BREAK = (0, "", "")  # instead of an answer: the connection ends
OK = (200, "", '{"id": "1", "models": []}')
KEY = "mls_0123456789abcdef_secret"


def problem(code: str, status: int, retry_after: str = "0") -> tuple[int, str, str]:
    return status, retry_after, f'{{"code": "{code}", "status": {status}, "detail": "No."}}'


class Scripted:
    """Answers requests with what the script says, in order; `seen` is what came."""

    def __init__(self, url: str, script: list[tuple[int, str, str]]) -> None:
        self.url = url
        self.script = script
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.peers: set[Any] = set()


@contextmanager
def scripted(*script: tuple[int, str, str]) -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.seen.append((self.command, self.path, dict(self.headers)))
            told.peers.add(self.client_address)
            status, retry_after, body = told.script.pop(0)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            if retry_after:
                self.send_header("Retry-After", retry_after)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told = Scripted(f"http://127.0.0.1:{server.server_port}", [*script])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


def test_a_keyed_prediction_is_repeated_with_its_key_and_body() -> None:
    script = [BREAK, problem("busy", 503), problem("rate_limited", 429), OK]
    with scripted(*script) as server, Client(server.url, KEY) as client:
        assert client.predict("line", [[1, 2]])["id"] == "1"
    keys = {headers["Idempotency-Key"] for _, _, headers in server.seen}
    assert (len(server.seen), len(keys)) == (4, 1)
    assert {headers["Authorization"] for _, _, headers in server.seen} == {f"Bearer {KEY}"}


def test_each_prediction_has_a_key_of_its_own() -> None:
    with scripted(OK, OK, OK) as server, Client(server.url) as client:
        client.predict("line", [[1]])
        client.predict("line", [[1]])
        client.predict("line", [[1]], idempotency_key="order-7")
    keys = [headers["Idempotency-Key"] for _, _, headers in server.seen]
    assert len({*keys}) == 3
    assert keys[2] == "order-7"
    assert len(server.peers) == 1  # one connection, kept open


@pytest.mark.parametrize("first", [BREAK, problem("busy", 503), problem("rate_limited", 429)])
def test_a_post_without_a_key_is_sent_once(first: tuple[int, str, str]) -> None:
    for call in (
        lambda client: client.predict("line", [[1]], idempotency_key=False),
        lambda client: client.explain("line", [[1]]),
        lambda client: client.report_many("line", {"1": {"value": [1]}}),
        lambda client: client.retire("line", 1),
    ):
        with scripted(first, OK) as server, Client(server.url) as client:
            with pytest.raises((NoAnswerError, ProblemError)) as caught:
                call(client)
            assert len(server.seen) == 1
            assert not isinstance(caught.value, NoAnswerError) or caught.value.sent


def test_a_move_is_not_repeated_when_it_may_be_done_but_waits_for_a_server_that_was_not_ready() -> None:
    with scripted(BREAK, OK) as server, Client(server.url) as client:
        with pytest.raises(NoAnswerError) as caught:
            client.promote("line", 2, revision=1)
        assert caught.value.sent
        assert len(server.seen) == 1
    with scripted(problem("database_unavailable", 503), OK) as server, Client(server.url) as client:
        client.promote("line", 2, revision=1)
        assert [headers["If-Match"] for _, _, headers in server.seen] == ['"1"', '"1"']


def test_reads_and_reports_are_repeated() -> None:
    with scripted(BREAK, OK, BREAK, OK) as server, Client(server.url) as client:
        assert client.models() == []
        client.report("line", "1", {"value": [1.0]})
        assert [method for method, _, _ in server.seen] == ["GET", "GET", "PUT", "PUT"]


def test_retries_end_and_the_last_problem_is_told() -> None:
    with scripted(*[problem("model_not_ready", 503)] * 3) as server, Client(server.url, retries=2) as client:
        with pytest.raises(UnavailableError) as caught:
            client.predict("line", [[1]])
        assert (caught.value.code, caught.value.retry_after, len(server.seen)) == ("model_not_ready", 0.0, 3)
    with scripted(BREAK) as server, Client(server.url, retries=0) as client:
        with pytest.raises(NoAnswerError):
            client.models()
        assert len(server.seen) == 1


def test_a_server_that_asks_for_a_long_wait_is_not_waited_for() -> None:
    with scripted(problem("rate_limited", 429, "61"), OK) as server, Client(server.url) as client:
        with pytest.raises(RateLimitedError) as caught:
            client.models()
        assert (caught.value.retry_after, len(server.seen)) == (61.0, 1)


def test_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waited.append)
    with scripted(problem("busy", 503, "2"), BREAK, BREAK, OK) as server, Client(server.url) as client:
        client.models()
    assert 2.05 <= waited[0] <= 2.1
    assert 0.1 <= waited[1] <= 0.2 <= waited[2] <= 0.4


def test_other_failures_are_not_repeated() -> None:
    with scripted(problem("internal", 500), OK) as server, Client(server.url) as client:
        with pytest.raises(ProblemError, match=r"No\. \(500 internal\)"):
            client.models()
        assert len(server.seen) == 1


def test_where_nothing_listens_a_request_never_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", retries=1) as client, pytest.raises(NoAnswerError) as caught:
        client.retire("line", 1)
    assert not caught.value.sent
    assert str(caught.value) == f"http://127.0.0.1:{port} did not answer: connection refused. Is the server running?"


def test_why_there_was_no_answer_is_told_in_words() -> None:
    with Client("http://nowhere.invalid", retries=0) as client, pytest.raises(NoAnswerError) as caught:
        client.models()
    assert str(caught.value) == "http://nowhere.invalid did not answer: no host of that name is known here."
    with scripted(BREAK) as server, Client(server.url, retries=0) as client, pytest.raises(NoAnswerError) as caught:
        client.models()
    assert str(caught.value) == f"{server.url} did not answer: the connection ended before the whole answer was there."
    refused = SSLCertVerificationError(1, "certificate verify failed")
    refused.verify_message = "self-signed certificate"
    assert module._why(module.SSLError(refused)) == "its certificate is not accepted: self-signed certificate."
    assert module._why(module.SSLError("cut off")) == "no TLS connection came about."


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05, retries=1)
        with client, pytest.raises(NoAnswerError, match=r"did not answer: nothing came in time\.$") as caught:
            client.models()
    assert caught.value.sent


@pytest.mark.parametrize(
    "answer", [(200, "", "<html>"), (200, "", "[]"), (200, "", '{"status": "ok"}'), (302, "", ""), (200, "", "")]
)
def test_what_is_no_mlserve_is_told_apart(answer: tuple[int, str, str]) -> None:
    with scripted(answer) as server, Client(server.url, KEY) as client, pytest.raises(UnexpectedAnswerError):
        client.models()
    assert len(server.seen) == 1


@pytest.mark.parametrize("items", ["[1]", '[{"number": 1}, null]', "{}"])
def test_a_list_of_other_things_is_told_apart(items: str) -> None:
    page = (200, "", f'{{"versions": {items}, "next": null}}')
    with (
        scripted(page) as server,
        Client(server.url) as client,
        pytest.raises(UnexpectedAnswerError, match="'versions'"),
    ):
        [*client.versions("line")]


@pytest.mark.parametrize("cursors", [['"a"', '"a"'], ['"a"', '"b"', '"a"'], ["7"], ["[]"]])
def test_a_list_that_leads_back_to_itself_ends(cursors: list[str]) -> None:
    pages = [(200, "", f'{{"versions": [{{"number": 1}}], "next": {cursor}}}') for cursor in cursors]
    with scripted(*pages) as server, Client(server.url) as client:
        with pytest.raises(UnexpectedAnswerError, match="never ends"):
            [*client.versions("line")]
        assert len(server.seen) == len(cursors)


def test_brackets_in_brackets_are_no_answer() -> None:
    deep = "[" * 200_000
    with scripted((200, "", deep), (404, "", deep)) as server, Client(server.url) as client:
        with pytest.raises(UnexpectedAnswerError, match="without a JSON object"):
            client.models()
        with pytest.raises(ProblemError, match="is the URL right"):
            client.models()


@pytest.mark.parametrize("errors", ["[1, null]", '"zz"', "7"])
def test_a_problem_with_other_errors_is_told_all_the_same(errors: str) -> None:
    answer = (422, "", f'{{"code": "invalid", "detail": "No.", "errors": {errors}}}')
    with scripted(answer) as server, Client(server.url) as client, pytest.raises(ProblemError) as caught:
        client.models()
    assert (str(caught.value), caught.value.errors) == ("No. (422 invalid)", [])


def test_who_cannot_prove_who_they_are_was_sent_nothing() -> None:
    error = module.SSLError(SSLCertVerificationError("self-signed"))
    assert module._is_of_certificate(error)
    assert not module._is_of_certificate(module.SSLError("cut off"))


def test_an_answer_that_is_cut_short_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"models": []}')

        thread = threading.Thread(target=answer)
        thread.start()
        client = Client(f"http://127.0.0.1:{server.getsockname()[1]}", retries=0)
        with client, pytest.raises(NoAnswerError) as caught:
            client.models()
        thread.join()
    assert caught.value.sent


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", len(OK[2]) - 1)
    with scripted(OK, OK) as server, Client(server.url) as client:
        with pytest.raises(UnexpectedAnswerError, match="has answered more than"):
            client.models()
        monkeypatch.undo()
        assert client.models() == []


def test_the_error_page_of_a_proxy_is_an_error_too() -> None:
    with scripted((502, "", "<html>"), (404, "", "<html>")) as server, Client(server.url) as client:
        with pytest.raises(UnavailableError, match="502 Bad Gateway, not by mlserve"):
            client.models()
        with pytest.raises(ProblemError, match="is the URL right") as caught:
            client.models()
    assert (caught.value.code, caught.value.status) == ("http_error", 404)


def test_paths_and_queries_are_quoted_and_stand_behind_the_prefix() -> None:
    page = (200, "", '{"predictions": [{"id": "b"}], "next": null}')
    with scripted(OK, page, OK, OK) as server, Client(f"{server.url}/ml/") as client:
        client.prediction("line", "a/../?b")
        since = datetime(2026, 1, 1, tzinfo=UTC)
        assert [one["id"] for one in client.predictions("line", since=since, reference="a&b")] == ["b"]
        client.predict("line", [[1]], version=3)
        client.predict("line", [[1]], alias="shadow")
    assert [path for _, path, _ in server.seen] == [
        "/ml/api/v1/models/line/predictions/a%2F..%2F%3Fb",
        "/ml/api/v1/models/line/predictions?since=2026-01-01T00%3A00%3A00Z&reference=a%26b&limit=100",
        "/ml/api/v1/models/line/versions/3/predictions",
        "/ml/api/v1/models/line/aliases/shadow/predictions",
    ]


def test_what_cannot_be_right_is_refused_before_anything_is_sent() -> None:
    for url in ("127.0.0.1:6543", "ftp://host", "http://", "http://host?x=1", "http://host#x"):
        with pytest.raises(ValueError, match="The URL must be"):
            Client(url)
    with pytest.raises(ValueError, match="must not hold a password"):
        Client("http://user:secret@host")
    with pytest.raises(ValueError, match="`retries`"):
        Client("http://host", retries=-1)
    with pytest.raises(ValueError, match="`ca_file` is for https"):
        Client("http://host", ca_file="x")
    client = Client("http://host")
    with pytest.raises(ValueError, match="not both"):
        client.predict("line", [[1]], version=1, alias="shadow")
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="no name and no id"):
            client.prediction("line", name)
    with pytest.raises(ValueError, match="must have a zone"):
        time_text(datetime(2026, 1, 1))  # noqa: DTZ001


def test_no_message_repeats_the_key() -> None:
    assert "mls_" not in repr(Client("http://host", f"{KEY}\n"))
    with pytest.raises(ValueError, match="The key is empty") as caught:
        Client("http://host", f"{KEY}\nX-Other: 1")
    assert "mls_" not in str(caught.value)
