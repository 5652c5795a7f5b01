"""One attempt against a real receiver: what is success, what is failure, and in which words."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mlserve.webhooks.posting import LONGEST_ASKED, Poster
from mlserve.webhooks.standing import Failure
from tests.tools import tool
from tests.unit.webhooks.receiver import receiving


def post(url: str, timeout: float = 5.0) -> int | Failure:
    return Poster(url, timeout).post(b"{}", {"webhook-id": "1"})


def after(headers: dict[str, str], status: int = 503) -> Failure:
    with receiving() as receiver:
        receiver.answer = lambda message: (status, headers)
        outcome = post(receiver.url)
    assert isinstance(outcome, Failure)
    return outcome


@pytest.mark.parametrize("status", [200, 202, 204])
def test_2xx_is_success(status: int) -> None:
    with receiving() as receiver:
        receiver.answer = lambda message: (status, {})
        assert post(receiver.url) == status
        (message,) = receiver.messages
        assert (message.path, message.body) == ("/hook/t0ken", b"{}")
        assert message.headers["content-type"] == "application/json"
        assert message.headers["user-agent"].startswith("mlserve/")


def test_a_redirect_is_not_followed() -> None:
    with receiving() as other:
        assert after({"Location": other.url}, 307) == Failure("HTTP 307")
        assert other.messages == []


def test_gone_is_told() -> None:
    assert after({}, 410) == Failure("HTTP 410", gone=True)


def test_retry_after_is_read_where_it_has_a_meaning() -> None:
    assert after({"Retry-After": "17"}) == Failure("HTTP 503", retry_after=17.0)
    assert after({"Retry-After": "17"}, 429) == Failure("HTTP 429", retry_after=17.0)
    assert after({"Retry-After": "17"}, 500) == Failure("HTTP 500")
    assert after({"Retry-After": "9" * 30}).retry_after == LONGEST_ASKED
    for unreadable in ("soon", "-1", "1.5", ""):
        assert after({"Retry-After": unreadable}) == Failure("HTTP 503")
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (after({"Retry-After": date}).retry_after or 0) <= 100
    assert after({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}).retry_after == 0


def test_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert post(f"http://127.0.0.1:{bound.getsockname()[1]}/t0ken") == Failure("no connection can be made")


@pytest.mark.parametrize("host", ["hooks..example.com", "x" * 64])
def test_where_the_name_cannot_be_one(host: str) -> None:
    assert post(f"http://{host}/t0ken") == Failure("the host's name is not known")


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address that takes no connection, and says nothing of that: its queue is full."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()


def answer_names(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Every name is that of these; no resolver can be asked to say so."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_several_silent_addresses_take_no_longer_than_one(
    silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_names(monkeypatch, silent, silent, silent)
    began = time.monotonic()
    assert post("http://hooks.example.com/t0ken", 0.5) == Failure("no answer within 0.5 s")
    assert 0.4 < time.monotonic() - began < 1.2


def test_an_address_is_left_for_the_next_in_time(silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        answer_names(monkeypatch, silent, ("127.0.0.1", urlsplit(receiver.url).port or 0))
        assert post("http://hooks.example.com/t0ken", 2.0) == 204
        assert receiver.messages[0].headers["host"] == "hooks.example.com"


def test_a_connection_that_was_slow_leaves_less_for_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))

    def answer() -> None:
        connection = server.accept()[0]
        ended.wait(0.7)
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as spoken:
            spoken.recv(65536)
            ended.wait(10)

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        began = time.monotonic()
        found = post(f"https://localhost:{server.getsockname()[1]}/t0ken", 1.0)
        took = time.monotonic() - began
        ended.set()
        thread.join()
    assert found == Failure("no answer within 1 s")
    assert took < 1.5


def test_where_nobody_answers_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        found = post(f"http://127.0.0.1:{silent.getsockname()[1]}/t0ken", 0.1)
        assert found == Failure("no answer within 0.1 s")
        assert time.monotonic() - began < 2


def test_where_somebody_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        assert post(f"http://127.0.0.1:{server.getsockname()[1]}/t0ken") == Failure("the connection broke")
        thread.join()


def test_where_no_tls_is_spoken() -> None:
    with receiving() as receiver:
        found = post(receiver.url.replace("http:", "https:"))
    assert found == Failure("the host speaks no TLS that is understood")


def certified(folder: Path) -> ssl.SSLContext:
    """That of a server named localhost, whose certificate is `certificate.pem` of the folder."""
    made = "req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        [tool("openssl"), *made.split(), "-keyout", "key.pem", "-out", "certificate.pem"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


def test_where_the_certificate_is_nobody_s(tmp_path: Path) -> None:
    context = certified(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_shake_hands, args=(server, context))
        thread.start()
        found = post(f"https://localhost:{server.getsockname()[1]}/t0ken")
        thread.join()
    assert found == Failure("the host's certificate is not trusted")


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    connection = server.accept()[0]
    with connection, suppress(OSError):
        context.wrap_socket(connection, server_side=True).close()


def test_where_an_answer_comes_by_the_byte() -> None:
    def answer() -> None:
        connection = server.accept()[0]
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.wait(0.02):
                connection.sendall(b"x")

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        began = time.monotonic()
        found = post(f"http://127.0.0.1:{server.getsockname()[1]}/", 0.3)
        took = time.monotonic() - began
        ended.set()
        thread.join()
    assert found == Failure("no answer within 0.3 s")
    assert took < 3


def test_an_answer_without_end_is_not_read() -> None:
    """Headers, and then a body that never ends: the status is enough."""

    def answer() -> None:
        connection = server.accept()[0]
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx")
        ended.wait(10)
        connection.close()

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        assert post(f"http://127.0.0.1:{server.getsockname()[1]}/", 5.0) == 200
        ended.set()
        thread.join()
