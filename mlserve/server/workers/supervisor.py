"""The supervisor: starts the workers and the background process, replaces what dies, reloads, and ends them in order.

It answers nothing and loads nothing: what could crash or grow is in the processes that it starts.
"""

import json
import logging
import os
import select
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

from mlserve.server.workers.child import Child, bury_strangers
from mlserve.server.workers.doors import Doors
from mlserve.server.workers.listening import LANE, is_there, listen_again, listen_privately
from mlserve.server.workers.manager import tell_manager
from mlserve.server.workers.section import Section, section_of
from mlserve.server.workers.slot import Slot
from mlserve.server.workers.starter import LONGEST, Starter
from mlserve.server.workers.starting import Template

log = logging.getLogger("mlserve.workers")

_TICK = 0.25  # in seconds
_STOPPING = (signal.SIGTERM, signal.SIGINT)


class Supervisor:
    """Of the processes of one INI; `name` is that of its `[server:NAME]`. Listens from its construction on.

    Raises ConfigurationError.
    """

    FAREWELL = 1.0
    WORKER = "mlserve.server.workers.worker"
    BACKGROUND = "mlserve.server.workers.background"
    PRELOADED: tuple[str, ...] = ("mlserve.server.workers.preloaded",)

    def __init__(self, ini: Path, name: str) -> None:
        self._ini = ini
        self._name = name
        self._section = section_of(str(ini), name)
        self._doors = Doors(self._section, f"server:{name}")
        self._lane: tuple[socket.socket, Path] | None = None  # of the slow workers, once there have been any
        self._workers: list[Slot] = []
        self._slow_workers: list[Slot] = []
        self._dropped: list[Slot] = []  # that a reload has done away with, while their processes leave
        self._background = Slot("background", self._start_background, self._section, 0.0)
        self._starter = Starter(ini, [*self.PRELOADED, self.WORKER, self.BACKGROUND])
        self._reloads: Iterator[None] = iter(())
        self._asked_to_stop = self._asked_to_reload = self._hurried = False
        self._told = ""
        self._lane_is_lost = False

    @property
    def address(self) -> str:
        """Where it listens, as a URL or a path; the port is the one that it was given, where the INI says 0."""
        where = self._doors.address
        if where is None:
            return self._section.place
        host = f"[{where[0]}]" if ":" in where[0] else where[0]
        return f"http://{host}:{where[1]}"

    def run(self) -> int:
        """Serve until a signal ends it; the exit status, which is 1 where the first processes do not start."""
        with self._signals() as woken:
            try:
                return 0 if self._has_started(woken) and self._serves(woken) else 1
            finally:
                tell_manager("STOPPING=1")
                self._end(woken)
                self._starter.close()

    def _has_started(self, woken: int) -> bool:
        """Start all at once; whether all became ready, or a signal came before."""
        self._starter.begin()
        self._open_lane(self._section)
        self._preload()
        while not self._starter.settle():
            self._hear(woken)
            if self._asked_to_stop:
                return True
        for slot in self._filling_up():
            slot.renew(self._section)
        while not all(slot.is_filled for slot in self._slots):
            self._turn(woken)
            if self._asked_to_stop or any(slot.failed_start for slot in self._slots):
                return self._asked_to_stop
        self._starter.succeed()
        fields = {"address": self.address, "workers": len(self._workers)}
        log.info("serving", extra={"fields": fields})
        count = f"{len(self._workers)} worker{'' if len(self._workers) == 1 else 's'}"
        print(f"Serving on {self.address}, with {count}", flush=True)  # noqa: T201
        tell_manager("READY=1")
        return True

    def _serves(self, woken: int) -> bool:
        while not self._asked_to_stop:
            self._tell_standing()
            self._turn(woken)
            self._heal_lane()
            if self._asked_to_reload:
                # One that is under way is given up: what it has not replaced yet is replaced now.
                self._asked_to_reload, self._reloads = False, self._reload()
            next(self._reloads, None)
        return True

    def _reload(self) -> Iterator[None]:
        """Replace one process after the other, each when what follows it is ready; goes on at each `next`."""
        self._starter.give_up()  # That of a reload that this one follows, before it has ended.
        try:
            self._starter.begin()
            section = section_of(str(self._ini), self._name)
            self._open_lane(section)
        except Exception as error:
            self._starter.give_up()
            log.error("reload_refused", extra={"fields": {"reason": str(error)}})
            return
        if section.place != self._section.place:
            log.warning("reload_keeps_address", extra={"fields": {"address": self._section.place}})
        ours = self._section
        self._section = replace(section, host=ours.host, port=ours.port, unix_socket=ours.unix_socket)
        log.info("reloading", extra={"fields": {"workers": self._section.workers}})
        tell_manager("RELOADING=1")
        self._preload()
        while not self._starter.settle():
            yield
        # What is too many goes on until the others are new.
        for slot in self._filling_up():
            slot.renew(self._section)
            while slot.is_renewing:
                yield
            if slot.failed_start:
                # The others go on as they are, and so does this one where it is filled.
                log.error("reload_failed", extra={"fields": {"process": slot.name}})
                self._drop_never_filled()
                self._starter.give_up()
                break
        else:
            self._starter.succeed()
            self._drop(self._workers, self._section.workers)
            self._drop(self._slow_workers, self._section.slow_workers)
            log.info("reloaded")
        tell_manager("READY=1")

    def _end(self, woken: int) -> None:
        """First those that answer, then those that they ask, then the one that ships what they all have kept."""
        # The workers go on to take connections for a while. After that one at most comes in, and would be lost: whoever
        # is not let in asks again by itself, and is told then that nobody listens.
        self._doors.shut()
        self._empty([*self._workers, *self._dropped], woken)
        # Nobody answers any more: whoever comes now is told so at once.
        self._doors.close_all()
        if self._section.unix_socket:
            Path(self._section.unix_socket).unlink(missing_ok=True)
        self._empty(self._slow_workers, woken)
        if self._lane is not None:
            self._lane[0].close()
            shutil.rmtree(self._lane[1], ignore_errors=True)
        self._empty([self._background], woken)

    def _empty(self, slots: list[Slot], woken: int) -> None:
        for slot in slots:
            slot.leave()
        while any(slot.children for slot in slots):
            if self._hurried:
                for slot in slots:
                    slot.kill()
            self._turn(woken)

    def _turn(self, woken: int) -> None:
        """Wait for a signal, a word of a process, or a tick, and see to what is due."""
        self._hear(woken)
        for slot in [*self._slots, *self._dropped]:
            slot.tend()
        self._tend_doors()
        self._starter.tend()
        ours = [child.pid for child in self._children] + [template.pid for template in self._starter.templates]
        bury_strangers(ours)

    def _hear(self, woken: int) -> None:
        """Wait for a signal, a word of a process, or a tick."""
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        speaking: list[Child | Template] = [*self._children, *self._starter.templates]
        said = {found.fileno(): found for found in speaking if not found.closed}
        for descriptor in said:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(_TICK * 1000):
            if descriptor in said:
                said[descriptor].listen()
            else:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)

    def _tend_doors(self) -> None:
        """New connections are for those that answer; the doors of slots that are no more, or stay empty, are closed."""
        left = [slot for slot in self._dropped if not slot.children]
        self._dropped = [slot for slot in self._dropped if slot.children]
        for slot in left:
            if slot.name not in [other.name for other in [*self._workers, *self._dropped]]:
                self._doors.close(slot.name)
        for slot in self._workers:
            if slot.holder is None and slot.failed_start:
                self._doors.close(slot.name)  # Nobody knows for how long who waits there would have to.
        self._doors.open_to([slot.name for slot in self._workers if slot.is_answering])

    def _tell_standing(self) -> None:
        """Tell the workers, whose health says so, which processes run; once for each change."""
        background = self._background.holder
        standing = {
            "workers": len(self._workers),
            "running": _running(self._workers),
            "background": background is not None,
            "behind_seconds": 0 if background is None else background.behind,
        }
        if self._slow_workers:
            standing |= {"slow_workers": len(self._slow_workers), "slow_running": _running(self._slow_workers)}
        told = json.dumps([standing, [child.pid for child in self._children]])
        if told != self._told:
            self._told = told
            for child in self._children:
                child.tell("standing " + json.dumps(standing))

    @property
    def _slots(self) -> list[Slot]:
        return [*self._slow_workers, *self._workers, self._background]

    @property
    def _children(self) -> list[Child]:
        return [child for slot in [*self._slots, *self._dropped] for child in slot.children]

    def _preload(self) -> None:
        """What all processes import is imported once, unless the section says otherwise."""
        self._starter.preload(min(self._section.start_timeout, LONGEST) if self._section.preload else None)

    def _open_lane(self, section: Section) -> None:
        """Where the section wants slow workers. Raises ConfigurationError."""
        if section.slow_workers and self._lane is None:
            self._lane = listen_privately()

    def _heal_lane(self) -> None:
        """Where a cleaner of temporary files has removed it, nobody would find the slow workers any more."""
        if self._lane is None or is_there(self._lane[1]):
            return
        before, folder = self._lane
        try:
            self._lane = listen_again(folder), folder
        except OSError as error:
            if not self._lane_is_lost:  # It is tried again at each turn.
                log.error("lane_lost", extra={"fields": {"reason": str(error)}})
            self._lane_is_lost = True
            return
        before.close()
        self._lane_is_lost = False
        log.warning("lane_healed", extra={"fields": {"path": str(folder / LANE)}})
        for slot in self._slow_workers:
            slot.renew(self._section)

    def _filling_up(self) -> Iterator[Slot]:
        """As many slots as the section says, each made when its turn comes.

        The slow workers come first: a new worker may hand over to them.
        """
        section = self._section
        for slots, wanted, name, start in (
            (self._slow_workers, section.slow_workers, "slow-worker", self._start_slow_worker),
            (self._workers, section.workers, "worker", self._start_worker),
        ):
            for index in range(wanted):
                if index == len(slots):
                    slot = f"{name}-{index + 1}"
                    slots.append(Slot(slot, partial(start, slot), section, self.FAREWELL))
                yield slots[index]
        yield self._background

    def _drop_never_filled(self) -> None:
        """What a reload that failed has added: nobody misses it."""
        for slots in (self._slow_workers, self._workers):
            self._drop(slots, sum(slot.was_filled for slot in slots))

    def _drop(self, slots: list[Slot], wanted: int) -> None:
        for slot in slots[wanted:]:
            slot.leave()
            self._dropped.append(slot)
        del slots[wanted:]
        self._tend_doors()  # Before they are asked to leave.

    def _start_worker(self, slot: str) -> Child | None:
        has_slow = self._slow_workers and self._section.slow_workers
        lane = str(self._lane[1] / LANE) if self._lane is not None and has_slow else ""
        return self._start("fast", self._doors.of(slot), lane, slot)

    def _start_slow_worker(self, slot: str) -> Child | None:
        assert self._lane is not None
        return self._start("slow", self._lane[0], "", slot)

    def _start(self, kind: str, listening: socket.socket, lane: str, slot: str) -> Child | None:
        number = slot.rpartition("-")[2]
        return self._starter.child(self.WORKER, [self._name, listening.fileno(), kind, lane, number])

    def _start_background(self) -> Child | None:
        return self._starter.child(self.BACKGROUND, [self._name])

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """A descriptor that becomes readable at a signal. A second one to stop ends everything at once."""
        reading, writing = os.pipe()
        for descriptor in (reading, writing):
            os.set_blocking(descriptor, False)
        before = {number: signal.getsignal(number) for number in (*_STOPPING, signal.SIGHUP, signal.SIGCHLD)}

        def stop(number: int, frame: FrameType | None) -> None:
            self._hurried = self._asked_to_stop
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


def _running(slots: list[Slot]) -> int:
    return sum(slot.holder is not None for slot in slots)


def supervise(ini: Path, name: str) -> int:
    """Serve with the workers of `[server:NAME]` until a signal; the exit status. Raises ConfigurationError."""
    return Supervisor(ini.absolute(), name).run()
