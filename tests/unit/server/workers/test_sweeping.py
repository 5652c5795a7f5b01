"""Connections of this process, whose other ends are clients of every kind."""

import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from mlserve.server.workers.sweeping import Sweeper
from tests.factories import until

PATIENCE = 30.0


class Connection:
    def __init__(self, listening: socket.socket) -> None:
        self.client = socket.create_connection(listening.getsockname())
        self.server, _ = listening.accept()
        self.client.settimeout(PATIENCE)

    def send(self, data: bytes = b"x") -> None:
        """From the client, until it has arrived."""
        self.client.sendall(data)
        self.server.recv(len(data))

    def answer(self) -> None:
        self.server.sendall(b"y")
        self.client.recv(1)

    def answer_much(self) -> None:
        """Until the client would have to take some of it."""
        self.server.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.server.send(bytes(65536))

    @property
    def is_closed(self) -> bool:
        self.client.setblocking(False)
        try:
            return self.client.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def connection(listening: socket.socket) -> Iterator[Connection]:
    found = Connection(listening)
    yield found
    found.close()


def sweeper(listening: socket.socket, *, request: float = 60.0, idle: float = 60.0, crowded: bool = False) -> Sweeper:
    return Sweeper(listening.getsockname()[1], request, idle, lambda: crowded)


def busy_for(seconds: float, step: Callable[[], object]) -> None:
    end = time.monotonic() + seconds

    def is_done() -> bool:
        step()
        return time.monotonic() > end

    until(is_done, seconds + PATIENCE)


def test_one_without_a_request_is_closed_when_it_was_idle_for_long(
    listening: socket.socket, connection: Connection
) -> None:
    connection.send()
    connection.answer()
    assert sweeper(listening).sweep() == 0
    until(lambda: sweeper(listening, idle=0.1).sweep() == 1, PATIENCE)
    assert connection.is_closed


def test_one_whose_request_comes_byte_by_byte_is_closed(listening: socket.socket, connection: Connection) -> None:
    watching = sweeper(listening, request=0.3)
    connection.send()
    connection.answer()
    closed: list[int] = []

    def trickle() -> None:
        if not closed:
            connection.send()
            if watching.sweep():
                closed.append(1)

    busy_for(1.0, trickle)
    assert closed
    assert connection.is_closed


def test_one_that_asks_again_and_again_and_is_answered_stays(listening: socket.socket, connection: Connection) -> None:
    """Whenever it is looked at, a request is on its way; but never the same."""
    watching = sweeper(listening, request=0.3, idle=0.3)

    def ask() -> None:
        connection.send()
        assert watching.sweep() == 0
        connection.answer()

    busy_for(1.0, ask)
    assert not connection.is_closed


def test_one_that_reads_a_long_answer_stays(listening: socket.socket, connection: Connection) -> None:
    watching = sweeper(listening, request=0.3, idle=0.3)
    connection.send()

    def read() -> None:
        connection.answer()
        assert watching.sweep() == 0

    busy_for(1.0, read)
    assert not connection.is_closed


def test_where_many_bodies_are_slow_each_has_less_time(
    listening: socket.socket, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweeper, "HURRIED", 0.1)
    connection.send()
    calm, hurried = sweeper(listening), sweeper(listening, crowded=True)
    until(lambda: hurried.sweep() == 1, PATIENCE)
    assert calm.sweep() == 0
    assert connection.is_closed


def test_where_many_take_no_answer_each_has_less_time(
    listening: socket.socket, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweeper, "STALLED", 0.1)
    connection.send()
    connection.answer()
    calm, hurried = sweeper(listening), sweeper(listening, crowded=True)
    busy_for(0.3, lambda: hurried.sweep())
    assert not connection.is_closed, "it has taken all of it"
    connection.answer_much()
    until(lambda: calm.sweep() == 0 and hurried.sweep() == 1, PATIENCE)


def test_a_sweep_that_fails_is_told_once_and_the_next_goes_on(
    listening: socket.socket, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.send()
    connection.answer()
    watching = sweeper(listening, idle=0.01)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limit[1]))  # None is left to list the others with.
    try:
        for _ in range(3):
            watching._try_to_sweep()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    until(lambda: watching._try_to_sweep() or connection.is_closed, PATIENCE)
    assert [record.message for record in caplog.records].count("sweeping_failed") == 1


def test_connections_to_others_are_let_be(listening: socket.socket) -> None:
    """To a database, say: this end is not of the port that is served."""
    with socket.create_server(("127.0.0.1", 0)) as database:
        connection = Connection(database)
        watching = sweeper(listening, request=0.01, idle=0.01)
        busy_for(0.1, watching.sweep)
        assert not connection.is_closed
        connection.close()
