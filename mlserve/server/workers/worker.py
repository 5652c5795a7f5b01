"""A worker: granian answers on its slot's socket, and the application behind its gate.

python -m mlserve.server.workers.worker INI NAME SOCKET KIND LANE NUMBER OUT IN

KIND is `fast` or `slow`; LANE is the path of the slow workers' socket, empty where there are none; NUMBER is that of
its slot, from 1.
"""

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import MutableMapping
from functools import partial
from typing import Any

from granian._granian import SocketHolder
from granian._loops import loops
from granian.constants import HTTPModes, RuntimeModes, TaskImpl
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from mlserve.auth.exposure import refuse_open
from mlserve.ini_file import open_ini
from mlserve.part import PART_KEY, Part
from mlserve.server.workers.bodies import READERS
from mlserve.server.workers.gate import Gate
from mlserve.server.workers.good_ini import folder_of
from mlserve.server.workers.lane import LOST, Lane, arriving
from mlserve.server.workers.line import Line
from mlserve.server.workers.listening import end_listening
from mlserve.server.workers.pinning import keep_to_one
from mlserve.server.workers.prctl import name_process
from mlserve.server.workers.proxy import behind_proxy
from mlserve.server.workers.refusal import Wsgi, refusing
from mlserve.server.workers.section import Section, section_of
from mlserve.server.workers.streams import STREAMS
from mlserve.server.workers.sweeping import Sweeper
from mlserve.startup import one_sentence
from mlserve.turns import Turns

# Threads beyond those that compute, wait, read bodies, send long answers and hand over: they answer what needs no turn.
SPARE = 16
# In so many seconds after it is asked to, granian takes no connections any more.
STOPPED = 1.0
# Names in a WSGI environ that granian writes for some requests only, or never, and how some of them begin.
_LOOKALIKES = {"CONTENT_TYPE", "CONTENT_LENGTH", "AUTH_TYPE", "HTTPS"}
_BEGINNINGS = ("HTTP_", "REMOTE_")
# What granian runs in a worker process of its own; ours are started otherwise, since a reload is to read the code anew.
_serve: Any = MPServer._spawn_wsgi_worker.__wrapped__


def main(ini: str, name: str, descriptor: str, kind: str, path: str, number: str, out: str, into: str) -> None:
    """Answer until the supervisor says that it ends, or is gone."""
    name_process("mlserve-worker" if kind == "fast" else "mlserve-slow")
    line = Line(int(out), int(into))
    loader = open_ini(ini)
    loader.setup_logging()
    with one_sentence():
        section = section_of(ini, name)
        app = loader.get_wsgi_app("main", {PART_KEY: Part.WORKER, "here": folder_of(ini)})
        application = app.registry.mlserve
        refuse_open(application.settings, section.hosts, f"server:{name}")
    refuse = refusing(app.registry)
    lane = Lane(path, section, refuse, refusing(app.registry, LOST)) if path and kind == "fast" else None
    turns = application.turns
    turns.limit(section.threads, section.waiting, section.patience)
    gate = Gate(app, refuse, turns, section, application.settings["mlserve.limits.body"], lane)
    line.open(
        grace=section.stop_timeout,
        on_farewell=gate.say_farewell,
        on_standing=lambda standing: setattr(application, "siblings", standing),
        # So that the next supervisor need not wait until all have answered what they have begun.
        on_end=partial(_leave_place, os.dup(int(descriptor))),
    )
    # What is there by now stays: the collector need not go through it again and again.
    gc.collect()
    gc.freeze()
    is_local = kind == "slow" or bool(section.unix_socket)
    if not is_local:
        port = socket.socket(fileno=os.dup(int(descriptor))).getsockname()[1]
        Sweeper(port, section.request_timeout, section.idle_timeout, lambda: gate.is_crowded).start()
    if section.pin and kind == "fast":
        keep_to_one(int(number))  # Threads to come do so too. What was loaded had all of them.
    line.say("ready")
    threading.Thread(target=_watch, args=(turns, line, section.request_timeout), name="watch", daemon=True).start()
    answering = behind_proxy(gate, section) if kind == "fast" else arriving(gate)
    hide_lookalikes(os.environ)
    # Three times what may wait: for a turn, apart from those for a database, and for a slow worker.
    threads = 3 * (section.threads + section.waiting) + READERS + STREAMS + SPARE
    answer(answering, section, int(descriptor), is_local=is_local, threads=threads)
    application.stop()


def _watch(turns: Turns, line: Line, patience: float) -> None:
    """Ask to be replaced where a request is computed for too long: nobody can end what it does."""
    while turns.longest <= patience:
        line.say_well()
    line.say("hangs")


def _leave_place(descriptor: int) -> None:
    """After granian has stopped taking connections: it would not stop any more where taking one fails."""
    time.sleep(STOPPED)
    end_listening(descriptor)


def hide_lookalikes(environ: MutableMapping[str, str]) -> None:
    """Take out of the process's environment what would look like a part of the request.

    granian puts the whole of it into the environ of each: HTTP_PROXY would be a header that nobody sent.
    """
    for name in [*environ]:
        if name in _LOOKALIKES or name.startswith(_BEGINNINGS):
            del environ[name]


def answer(app: Wsgi, section: Section, descriptor: int, *, is_local: bool, threads: int) -> None:
    """Answer on the socket, at most so many requests at once, until the process is told to end."""
    holder = SocketHolder(descriptor, is_local, section.backlog)  # type: ignore[call-arg]
    _serve(
        worker_id=1,
        callback=app,
        sock=(None, holder),
        ipc=None,
        loop=loops.get("asyncio"),
        runtime_mode=RuntimeModes.mt,
        runtime_threads=1,
        runtime_blocking_threads=512,
        blocking_threads=threads,
        blocking_threads_idle_timeout=30,
        backpressure=65535,
        task_impl=TaskImpl.asyncio,
        http_mode=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=30_000),
        http2_settings=None,
        websockets=False,
        static_path=None,
        log_access_fmt=None,
        ssl_ctx=(False, None, None, None, "tls1.3", None, [], False),
        scope_opts={"url_path_prefix": None},
        metrics=(None, None),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
