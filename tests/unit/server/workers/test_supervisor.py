"""Signals, deaths and reloads at every moment, with processes that start at once."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.factories import until

PATIENCE = 30.0
SECTION = """
[server:workers]
use = egg:pyramid-mlserve#workers
"""


class Supervised:
    def __init__(
        self, folder: Path, variables: Mapping[str, str], preloaded: tuple[str, ...] = (), **keys: Any
    ) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.write(**keys)
        environ = {**os.environ, "PYTHONWARNINGS": "ignore", "NOTIFY_SOCKET": str(folder / "manager")}
        environ["TMPDIR"] = str(folder)
        environ |= variables
        with self.log.open("w") as log:
            command = [sys.executable, "-u", "-m", "tests.unit.server.workers.trial", str(folder / "w.ini")]
            command += preloaded
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)

    def write(self, **keys: Any) -> None:
        keys = {"workers": 1, "port": 0, "preload": "no", **keys}  # `test_starter.py` has templates.
        lines = [f"{key} = {value}\n" for key, value in keys.items()]
        (self.folder / "w.ini").write_text(SECTION + "".join(lines))

    def behave(self, how: str) -> None:
        (self.folder / "behaviour.new").write_text(how)
        (self.folder / "behaviour.new").rename(self.folder / "behaviour")

    def children(self) -> set[int]:
        """The running ones; one that has ended and not been buried counts too."""
        return {
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        }

    def descriptors(self) -> int:
        return len([*Path(f"/proc/{self.process.pid}/fd").iterdir()])

    def said(self, words: str) -> int:
        return self.log.read_text().count(words)

    def hears(self, words: str, count: int = 1) -> None:
        until(lambda: self.said(words) >= count or self.process.poll() is not None, PATIENCE)
        assert self.said(words) >= count, self.log.read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    @property
    def port(self) -> int:
        (found,) = re.findall(r"Serving on http://127.0.0.1:(\d+)", self.log.read_text())
        return int(found)

    def reload(self, count: int, **keys: Any) -> None:
        """With these keys; the `count`-th one of this server."""
        self.write(**keys)
        self.send(signal.SIGHUP)
        self.hears("reloaded", count)


@contextmanager
def supervised(
    folder: Path, behaviour: str = "", variables: Mapping[str, str] | None = None, **keys: Any
) -> Iterator[Supervised]:
    if behaviour:
        (folder / "behaviour").write_text(behaviour)
    found = Supervised(folder, variables or {}, **keys)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait()
    assert "Traceback" not in found.log.read_text(), found.log.read_text()


def is_connected(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_reloads_leave_nothing_behind_and_a_manager_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "manager"))
        manager.settimeout(PATIENCE)
        with supervised(tmp_path, slow_workers=1) as server:
            assert manager.recv(100).startswith(b"READY=1")
            descriptors = server.descriptors()
            shutil.rmtree(*tmp_path.glob("mlserve-*"))  # As a cleaner of temporary files does.
            server.hears("lane_healed")
            server.hears("process_ready", 4)
            until(lambda: len(server.children()) == 3, PATIENCE)
            assert is_connected(*tmp_path.glob("mlserve-*/lane"))
            before = server.children()
            for number in range(2):
                server.send(signal.SIGHUP)
                server.hears("reloaded", number + 1)
                assert manager.recv(100).startswith(b"RELOADING=1")
                assert manager.recv(100).startswith(b"READY=1")
            until(lambda: len(server.children()) == 3, PATIENCE)
            assert not before & server.children()
            # That to the manager may still have been open then.
            until(lambda: server.descriptors() <= descriptors, PATIENCE)
            server.send(signal.SIGTERM)
            assert server.ended() == 0
            assert manager.recv(100).startswith(b"STOPPING=1")
            assert not [*tmp_path.glob("mlserve-*")], "the folder of the lane is left"


def test_a_reload_changes_the_number_of_workers_and_back(tmp_path: Path) -> None:
    with supervised(tmp_path) as server:
        server.hears("serving")
        for number, (workers, slow) in enumerate([(3, 0), (2, 1)]):
            server.write(workers=workers, slow_workers=slow)
            server.send(signal.SIGHUP)
            server.hears("reloaded", number + 1)
            until(lambda wanted=workers + slow + 1: len(server.children()) == wanted, PATIENCE)
        told = {"workers": 2, "running": 2, "background": True, "behind_seconds": 0}
        told |= {"slow_workers": 1, "slow_running": 1}
        until(lambda: all(_told(tmp_path, pid) == str(told) for pid in server.children()), PATIENCE)


def greeted_by(port: int, count: int = 64) -> set[int]:
    """The workers that so many new connections are brought to: each of three, but for one of 6e10 runs."""
    found = set()
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            found.add(int(client.recv(100)))
    return found


def test_while_a_dead_worker_has_no_successor_the_others_have_all_connections(tmp_path: Path) -> None:
    with supervised(tmp_path, "greet", workers=3) as server:
        server.hears("serving")
        (victim, *others) = greeted_by(server.port)
        assert len(others) == 2
        server.behave("wait")
        os.kill(victim, signal.SIGKILL)
        # They are told so when nobody is brought to it any more.
        until(lambda: all("'running': 2" in _told(tmp_path, pid) for pid in others), PATIENCE)
        assert greeted_by(server.port) == {*others}
        server.behave("greet")
        server.hears("process_ready", 5)
        until(lambda: len(greeted_by(server.port)) == 3, PATIENCE)


def is_greeted_soon(port: int) -> bool:
    """Whether none of so many new connections waits."""
    try:
        for _ in range(32):
            with socket.create_connection(("127.0.0.1", port), 0.5) as client:
                client.recv(100)
    except TimeoutError:
        return False
    return True


def test_new_connections_are_not_brought_to_one_of_whom_nothing_is_heard(tmp_path: Path) -> None:
    with supervised(tmp_path, "greet", workers=2, request_timeout=60) as server:
        server.hears("serving")
        (victim, other) = greeted_by(server.port)
        os.kill(victim, signal.SIGSTOP)
        until(lambda: is_greeted_soon(server.port), PATIENCE)
        assert greeted_by(server.port) == {other}
        os.kill(victim, signal.SIGCONT)
        until(lambda: len(greeted_by(server.port)) == 2, PATIENCE)


class Callers:
    """Clients that connect anew for each greeting."""

    def __init__(self, port: int, clients: int = 4) -> None:
        self.greeted = self.broken = 0
        self._port = port
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._stopping.wait(0.001):  # Their load is to be steady, not heavy.
            is_greeted = False
            with suppress(OSError, ValueError):
                is_greeted = bool(greeted_by(self._port, 1))
            with self._counting:
                self.greeted += is_greeted
                self.broken += not is_greeted


def test_reloads_to_more_workers_and_fewer_lose_no_connection(tmp_path: Path) -> None:
    with supervised(tmp_path, "greet") as server:
        server.hears("serving")
        descriptors = server.descriptors()
        with Callers(server.port) as callers:
            for count, workers in enumerate([3, 1], 1):
                server.reload(count, workers=workers)
                until(lambda wanted=workers + 1: len(server.children()) == wanted, PATIENCE)
                seen = callers.greeted
                until(lambda seen=seen: callers.greeted >= seen + 100, PATIENCE)
                assert len(greeted_by(server.port)) == workers
        assert callers.broken == 0
        # The sockets of workers that are no more are not left open.
        until(lambda: server.descriptors() <= descriptors, PATIENCE)


def test_a_worker_comes_back_where_one_that_was_dropped_still_leaves(tmp_path: Path) -> None:
    """They have the same socket, which stays when the first of them is gone."""
    with supervised(tmp_path, "greet stubborn", workers=2) as server:
        server.hears("serving")
        leaving = server.children()
        assert greeted_by(server.port) < leaving
        server.behave("greet")
        server.reload(1, workers=1)
        until(lambda: all((tmp_path / f"asked-{pid}").exists() for pid in leaving), PATIENCE)
        server.reload(2, workers=2)
        until(lambda: len(server.children() - leaving) == 3, PATIENCE)
        until(lambda: len(greeted_by(server.port)) == 2, PATIENCE)
        for pid in leaving:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(server.children()) == 3, PATIENCE)
        greeting = greeted_by(server.port)
        assert len(greeting) == 2
        assert greeting < server.children()


def test_a_reload_that_fails_adds_nobody(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)  # So long that no socket has a name in it.
    folder.mkdir()
    with supervised(tmp_path, variables={"TMPDIR": str(folder)}) as server:
        server.hears("serving")
        before = server.children()
        server.write(slow_workers=1)
        server.send(signal.SIGHUP)
        server.hears("reload_refused")
        assert server.children() == before
        assert [*folder.iterdir()] == []
        server.behave("die")
        server.write(workers=3)
        server.send(signal.SIGHUP)
        server.hears("reload_failed")
        until(lambda: server.children() == before, PATIENCE)
        assert server.said("process_not_started") == 1, "the others are not started before it is their turn"
        server.behave("")
        server.write(workers=2)
        server.send(signal.SIGHUP)
        server.hears("reloaded")
        until(lambda: len(server.children()) == 3, PATIENCE)
        told = {"workers": 2, "running": 2, "background": True, "behind_seconds": 0}
        until(lambda: all(_told(tmp_path, pid) == str(told) for pid in server.children()), PATIENCE)


def test_what_dies_after_a_reload_that_failed_is_replaced_with_the_ini_of_the_others(tmp_path: Path) -> None:
    with supervised(tmp_path) as server:
        server.hears("serving")
        before = server.children()
        server.write(broken=1)  # A key that no section has: it is refused at once.
        server.send(signal.SIGHUP)
        server.hears("reload_refused")
        for number, victim in enumerate(before):
            os.kill(victim, signal.SIGKILL)
            server.hears("process_ready", 3 + number)
        assert server.said("process_not_started") == 0
        assert not [*tmp_path.glob("mlserve-*")], "its copy of the INI is left"
        server.write(workers=2)
        server.send(signal.SIGHUP)
        server.hears("reloaded")


def _told(folder: Path, pid: int) -> str:
    path = folder / f"told-{pid}"
    return path.read_text() if path.exists() else ""


def test_a_reload_during_a_reload_begins_it_anew(tmp_path: Path) -> None:
    with supervised(tmp_path) as server:
        server.hears("serving")
        before = server.children()
        server.behave("wait")
        server.send(signal.SIGHUP)
        until(lambda: len(server.children()) == 3, PATIENCE)
        (waiting,) = server.children() - before
        server.send(signal.SIGHUP)
        until(lambda: is_gone(waiting), PATIENCE)  # It may have read the INI before it changed.
        server.behave("")
        server.hears("reloaded")
        until(lambda: len(server.children()) == 2, PATIENCE)
        assert not server.children() & {*before, waiting}
        assert server.said("reloaded") == 1


@pytest.mark.parametrize("moment", ["start", "reload"])
def test_it_ends_at_every_moment(moment: str, tmp_path: Path) -> None:
    with supervised(tmp_path, "wait" if moment == "start" else "") as server:
        if moment == "reload":
            server.hears("serving")
            server.behave("wait")
            server.send(signal.SIGHUP)
        until(lambda: len(server.children()) == (2 if moment == "start" else 3), PATIENCE)
        children = server.children()
        server.send(signal.SIGINT)
        assert server.ended() == 0
        assert all(map(is_gone, children))


@pytest.mark.exhaustive
def test_a_reload_asked_for_during_the_start_follows_it(tmp_path: Path) -> None:
    with supervised(tmp_path, "wait") as server:
        until(lambda: len(server.children()) == 2, PATIENCE)
        before = server.children()
        server.send(signal.SIGHUP)
        server.behave("")
        server.hears("reloaded")
        until(lambda: not before & server.children(), PATIENCE)


def test_a_second_signal_ends_what_does_not_leave(tmp_path: Path) -> None:
    with supervised(tmp_path, "stubborn") as server:
        server.hears("serving")
        children = server.children()
        server.send(signal.SIGTERM)
        until(lambda: [*tmp_path.glob("asked-*")], PATIENCE)
        assert let_in(server.port, of=3) <= 1, "whoever waits to be taken is lost in the end"
        server.send(signal.SIGTERM)
        assert server.ended() == 0
        assert all(map(is_gone, children))


def let_in(port: int, of: int) -> int:
    """How many of so many connections are made, where nobody takes any of them."""
    count = 0
    with ExitStack() as stack:
        for _ in range(of):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            with suppress(OSError):  # It is not connected yet.
                client.getpeername()
                count += 1
    return count


def test_one_that_does_not_leave_in_time_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, "stubborn", stop_timeout="0.1") as server:
        server.hears("serving")
        server.send(signal.SIGTERM)
        assert server.ended() == 0
        assert server.said("process_killed") == 2


def test_nothing_outlives_the_supervisor(tmp_path: Path) -> None:
    """Not even what ignores that it is asked to leave: the kernel ends it after its grace."""
    with supervised(tmp_path, "stubborn") as server:
        server.hears("serving")
        children = server.children()
        server.send(signal.SIGKILL)
        until(lambda: all(map(is_gone, children)), PATIENCE)


def test_where_the_first_processes_do_not_start_it_gives_up(tmp_path: Path) -> None:
    with supervised(tmp_path, "die") as server:
        assert server.ended() == 1
        assert server.said("process_not_started") >= 1


@pytest.mark.exhaustive
def test_one_that_dies_at_each_start_is_started_more_and_more_seldom(tmp_path: Path) -> None:
    with supervised(tmp_path) as server:
        server.hears("serving")
        background = {pid for pid in server.children() if "fast" not in Path(f"/proc/{pid}/cmdline").read_text()}
        (worker,) = server.children() - background
        server.behave("die")
        os.kill(worker, signal.SIGKILL)
        server.hears("process_not_started", 2)
        assert server.said("process_died") == 1
        assert background <= server.children()
        server.behave("")
        server.hears("process_ready", 3)
        server.behave("die")
        server.send(signal.SIGHUP)
        server.hears("reload_failed")
        assert len(server.children()) == 2, "what has been there goes on"


def test_one_that_says_nothing_more_is_replaced(tmp_path: Path) -> None:
    with supervised(tmp_path, request_timeout=1, stop_timeout="0.1") as server:
        server.hears("serving")
        stopped = max(server.children())
        os.kill(stopped, signal.SIGSTOP)
        server.hears("process_hangs")
        server.hears("process_ready", 3)
        until(lambda: is_gone(stopped), PATIENCE)
        assert len(server.children()) == 2


def test_a_place_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with supervised(tmp_path, port=port) as server:
            assert server.ended() == 1
            assert f"127.0.0.1:{port} is in use" in server.log.read_text()


def test_a_unix_socket_is_taken_over_from_the_dead_only(tmp_path: Path) -> None:
    path, second_folder = tmp_path / "s.sock", tmp_path / "second"
    second_folder.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with supervised(tmp_path, unix_socket=path) as server:
        server.hears("serving")
        with supervised(second_folder, unix_socket=path) as second:
            assert second.ended() == 1
            assert f"unix:{path} is in use" in second.log.read_text()
        server.send(signal.SIGTERM)
        assert server.ended() == 0
        assert not path.exists()
