"""The supervisor: starts the workers and the background process, replaces what dies, reloads, and ends them in order.

It answers nothing and loads nothing: what could crash or grow is in the processes that it starts.
"""

import json
import logging
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from mlserve.ini_file import open_ini
from mlserve.server.workers.child import Child
from mlserve.server.workers.listening import listen
from mlserve.server.workers.post import Post
from mlserve.server.workers.section import Section, read_section

log = logging.getLogger("mlserve.workers")

_TICK = 0.25  # in seconds
_STOPPING = (signal.SIGTERM, signal.SIGINT)


class Supervisor:
    """Of the processes of one INI; `name` is that of its `[server:NAME]`. Listens from its construction on.

    Raises ConfigurationError.
    """

    def __init__(self, ini: Path, name: str) -> None:
        self._ini = ini
        self._name = name
        self._section = self._read()
        self._socket = listen(self._section, f"server:{name}")
        self._workers: list[Post] = []
        self._background = self._post("background", self._start_background)
        self._reloads: Iterator[None] = iter(())
        self._asked_to_stop = self._asked_to_reload = False
        self._told = ""

    @property
    def address(self) -> str:
        """Where it listens, as a URL or a path; the port is the one that it was given, where the INI says 0."""
        where = self._socket.getsockname()
        if isinstance(where, str | bytes):
            return self._section.place
        host = f"[{where[0]}]" if ":" in where[0] else where[0]
        return f"http://{host}:{where[1]}"

    def run(self) -> int:
        """Serve until a signal ends it; the exit status, which is 1 where the first processes do not start."""
        with self._signals() as woken:
            try:
                self._add_workers()
                return 0 if self._has_started(woken) and self._serves(woken) else 1
            finally:
                self._end(woken)

    def _has_started(self, woken: int) -> bool:
        """Start all at once; whether all became ready. False where one did not, or a signal came before."""
        for post in self._posts:
            post.begin()
        while not all(post.is_filled for post in self._posts):
            self._turn(woken)
            if self._asked_to_stop or any(post.failed_start for post in self._posts):
                return self._asked_to_stop
        fields = {"address": self.address, "workers": len(self._workers)}
        log.info("serving", extra={"fields": fields})
        print(f"Serving on {self.address}, with {len(self._workers)} workers", flush=True)  # noqa: T201
        return True

    def _serves(self, woken: int) -> bool:
        while not self._asked_to_stop:
            self._turn(woken)
            if self._asked_to_reload:
                self._asked_to_reload, self._reloads = False, self._reload()
            next(self._reloads, None)
        return True

    def _reload(self) -> Iterator[None]:
        """Replace one process after the other, each when what follows it is ready; goes on at each `next`."""
        try:
            section = self._read()
        except Exception as error:
            log.error("reload_refused", extra={"fields": {"reason": str(error)}})
            return
        if section.place != self._section.place:
            log.warning("reload_keeps_address", extra={"fields": {"address": self._section.place}})
        ours = self._section
        self._section = replace(section, host=ours.host, port=ours.port, unix_socket=ours.unix_socket)
        log.info("reloading", extra={"fields": {"workers": self._section.workers}})
        self._add_workers()
        for post in self._posts:
            post.set_patience(self._section.start_timeout, self._section.stop_timeout)
            post.begin()
            while post.coming is not None:
                yield
            if post.failed_start:
                # The others go on as they are, and so does this one where it is filled.
                log.error("reload_failed", extra={"fields": {"process": post.name}})
                return
        for post in self._workers[self._section.workers :]:
            post.leave()
        log.info("reloaded")

    def _end(self, woken: int) -> None:
        """First those that answer, then the one that ships what they have kept."""
        for posts in (self._workers, [self._background]):
            for post in posts:
                post.leave()
            while any(post.children for post in posts):
                self._turn(woken)
        self._socket.close()
        if self._section.unix_socket:
            Path(self._section.unix_socket).unlink(missing_ok=True)

    def _turn(self, woken: int) -> None:
        """Wait for a signal, a word of a process, or a tick, and see to what is due."""
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        said = {child.fileno(): child for post in self._posts for child in post.children if not child.silent}
        for descriptor in said:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(_TICK * 1000):
            if descriptor in said:
                said[descriptor].listen()
            else:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
        for post in self._posts:
            post.tend()
        self._workers = [post for post in self._workers if post.is_wanted or post.children]
        self._tell_standing()

    def _tell_standing(self) -> None:
        """Tell the workers, whose health says so, which processes run; once for each change."""
        wanted = [post for post in self._workers if post.is_wanted]
        running = sum(post.holder is not None for post in wanted)
        standing = {"workers": len(wanted), "running": running, "background": self._background.holder is not None}
        pids = [child.pid for post in self._workers for child in post.children]
        told = json.dumps([standing, pids])
        if told != self._told:
            self._told = told
            for post in self._workers:
                for child in post.children:
                    child.tell("standing " + json.dumps(standing))

    @property
    def _posts(self) -> list[Post]:
        return [*self._workers, self._background]

    def _read(self) -> Section:
        section = f"server:{self._name}"
        return read_section(section, dict(open_ini(str(self._ini)).get_settings(section)))

    def _add_workers(self) -> None:
        for number in range(len(self._workers), self._section.workers):
            self._workers.append(self._post(f"worker-{number + 1}", self._start_worker))

    def _post(self, name: str, start: Callable[[], Child]) -> Post:
        return Post(name, start, self._section.start_timeout, self._section.stop_timeout)

    def _start_worker(self) -> Child:
        descriptor = self._socket.fileno()
        return Child("mlserve.server.workers.worker", [str(self._ini), self._name, str(descriptor)], [descriptor])

    def _start_background(self) -> Child:
        return Child("mlserve.server.workers.background", [str(self._ini), self._name])

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """A descriptor that becomes readable at a signal. A second one to stop does what it does by default."""
        reading, writing = os.pipe()
        for descriptor in (reading, writing):
            os.set_blocking(descriptor, False)
        before = {number: signal.getsignal(number) for number in (*_STOPPING, signal.SIGHUP, signal.SIGCHLD)}

        def stop(number: int, frame: FrameType | None) -> None:
            self._asked_to_stop = True

        def reload(number: int, frame: FrameType | None) -> None:
            self._asked_to_reload = True

        woken_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in _STOPPING:
            signal.signal(number, stop)
        signal.signal(signal.SIGHUP, reload)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # To be woken by it.
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(woken_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reading)
            os.close(writing)


def supervise(ini: Path, name: str) -> int:
    """Serve with the workers of `[server:NAME]` until a signal; the exit status. Raises ConfigurationError."""
    return Supervisor(ini.absolute(), name).run()
