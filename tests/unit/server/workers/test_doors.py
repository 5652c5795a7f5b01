"""Connections on loopback, and to which door the kernel brings them.

Each is drawn by itself: one of two doors gets none of 64 once in 2 ** 63 runs, one of three once in 6e10, and one of
four once in 2e7.
"""

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mlserve.errors import ConfigurationError
from mlserve.server.workers import doors as module
from mlserve.server.workers import listening
from mlserve.server.workers.doors import Doors
from mlserve.server.workers.section import Section
from tests.factories import until

MANY = 64


@pytest.fixture
def doors() -> Iterator[Doors]:
    with _opened(Section(port=0)) as found:
        yield found


@contextmanager
def _opened(section: Section) -> Iterator[Doors]:
    found = Doors(section, "server:workers")
    try:
        yield found
    finally:
        found.close_all()


def _come(doors: Doors, count: int = MANY) -> list[socket.socket]:
    assert doors.address is not None
    return [socket.create_connection(doors.address, timeout=5.0) for _ in range(count)]


def _taken(door: socket.socket) -> int:
    """How many connections wait at it; they are accepted, and closed."""
    count = 0
    door.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            door.accept()[0].close()
            count += 1
    return count


def _shares(doors: Doors, slots: Sequence[str]) -> dict[str, int]:
    """How many of many new connections came to each slot; all came to one of them."""
    clients = _come(doors)
    shares = dict.fromkeys(slots, 0)

    def all_are_in() -> bool:
        for slot in slots:
            shares[slot] += _taken(doors.of(slot))
        return sum(shares.values()) == MANY

    until(all_are_in)
    for client in clients:
        client.close()
    return shares


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_all_have_one_address_and_share_what_comes(host: str) -> None:
    if host == "::1" and not _has(host):
        pytest.skip("this machine has no IPv6")
    with _opened(Section(host=host, port=0)) as doors:
        one, other = doors.of("a"), doors.of("b")
        assert one is not other
        assert doors.of("a") is one
        assert one.getsockname() == other.getsockname()
        assert doors.address == one.getsockname()[:2]
        assert one.getsockname()[1] > 0
        assert all(_shares(doors, "ab").values())
        doors.open_to(["b"])
        assert _shares(doors, "ab") == {"a": 0, "b": MANY}


def _has(host: str) -> bool:
    with socket.socket(socket.AF_INET6) as probe, suppress(OSError):
        probe.bind((host, 0))
        return True
    return False


def test_new_connections_are_for_the_slots_that_are_named(doors: Doors) -> None:
    slots = "abc"
    for slot in slots:
        doors.of(slot)
    assert all(_shares(doors, slots).values())
    doors.open_to(["a", "c"])
    shares = _shares(doors, slots)
    assert [slot for slot in slots if shares[slot]] == ["a", "c"]
    doors.of("d")
    assert _shares(doors, "abcd")["d"] == 0, "a new one has none before it is named"
    doors.open_to(["d"])
    assert _shares(doors, "abcd")["d"] == MANY
    for unknown in ([], ["nobody"]):
        doors.open_to(unknown)
        assert _shares(doors, "abcd")["d"] == MANY, "where nobody is left nothing changes"
    doors.open_to(["nobody", *"abcd"])
    assert all(_shares(doors, "abcd").values())


def test_what_waits_where_nobody_comes_any_more_is_accepted_there(doors: Doors) -> None:
    one, other = doors.of("a"), doors.of("b")
    doors.open_to(["a"])
    waiting = _come(doors, 3)
    doors.open_to(["b"])
    later = _come(doors, 2)
    counts = [0, 0]

    def all_are_in() -> bool:
        counts[0] += _taken(one)
        counts[1] += _taken(other)
        return sum(counts) == 5

    until(all_are_in)
    assert counts == [3, 2]
    for client in [*waiting, *later]:
        client.close()


def test_the_kernel_numbers_anew_what_is_left_when_one_is_closed(doors: Doors) -> None:
    """The last one takes the number of the one that is closed, wherever that was."""
    for slot in "abcd":
        doors.of(slot)
    doors.open_to(["a", "d"])
    doors.close("b")
    shares = _shares(doors, "acd")
    assert [slot for slot in "acd" if shares[slot]] == ["a", "d"]
    doors.close("c")
    doors.open_to(["d"])
    assert _shares(doors, "ad") == {"a": 0, "d": MANY}
    doors.close("d")
    assert _shares(doors, "a") == {"a": MANY}
    doors.of("d")
    doors.open_to(["d"])
    assert _shares(doors, "ad") == {"a": 0, "d": MANY}, "one that comes back is a new one"


def test_one_is_closed_too_where_a_process_that_a_worker_has_forked_still_has_it(doors: Doors) -> None:
    doors.of("a")
    with doors.of("b").dup():
        doors.of("c")
        doors.close("b")
        assert all(_shares(doors, "ac").values())


def test_the_first_is_closed_as_the_others_are(doors: Doors) -> None:
    address = doors.address
    for slot in "abc":
        doors.of(slot)
    doors.open_to(["b"])
    doors.close("a")
    assert _shares(doors, "bc") == {"b": MANY, "c": 0}
    doors.of("a")
    doors.open_to(["a"])
    assert _shares(doors, "abc") == {"a": MANY, "b": 0, "c": 0}
    assert doors.address == address


def test_who_waits_at_one_that_is_closed_is_told_so(doors: Doors) -> None:
    doors.of("a")
    doors.of("b")
    doors.open_to(["a"])
    (client,) = _come(doors, 1)
    doors.close("a")
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)


def test_the_only_one_is_never_closed(doors: Doors) -> None:
    """The others are opened beside it."""
    doors.of("a")
    doors.close("a")
    doors.close("nobody")
    assert _shares(doors, "a") == {"a": MANY}


def test_at_the_end_one_at_most_comes_in_at_each_and_then_nobody(doors: Doors) -> None:
    address = doors.address
    assert address is not None
    for slot in "ab":
        doors.of(slot)
    doors.shut()
    clients = [socket.socket() for _ in range(16)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(address)
    assert sum(map(_is_in, clients)) <= 2
    for client in clients:
        client.close()
    doors.close_all()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def _is_in(client: socket.socket) -> bool:
    try:
        client.getpeername()
    except OSError:
        return False
    return True


def test_connections_of_each_wait_for_nobody(doors: Doors) -> None:
    for slot in "ab":
        doors.of(slot)
        doors.open_to([slot])
        (client,) = _come(doors, 1)
        doors.of(slot).settimeout(5.0)
        accepted = doors.of(slot).accept()[0]
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        accepted.close()
        client.close()


def test_others_may_not_share_the_address(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PATIENCE", 0.0)
    assert doors.address is not None
    doors.of("a"), doors.of("b")
    with pytest.raises(ConfigurationError, match="is in use: stop the other server"):
        Doors(Section(port=doors.address[1]), "server:workers")


def test_where_the_kernel_takes_no_program_it_draws_between_all(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Protocol not available")

    monkeypatch.setattr(module, "_draw", refuse)
    for slot in "ab":
        doors.of(slot)
    with caplog.at_level(logging.WARNING, "mlserve.workers"):
        for told, slots in enumerate(("a", "b"), 1):
            doors.open_to(slots)
            doors.open_to(slots)
            assert [record.msg for record in caplog.records] == ["doors_not_chosen"] * told, "once for each change"
    assert all(_shares(doors, "ab").values())


def test_behind_a_path_there_is_one_for_all(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with _opened(Section(unix_socket=str(path))) as doors:
        assert doors.address is None
        one = doors.of("a")
        assert doors.of("b") is one
        doors.open_to(["b"])
        doors.close("b")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert _taken(one) == 1
