"""A worker: granian answers on the supervisor's socket, and the application behind its gate.

python -m mlserve.server.workers.worker INI NAME SOCKET OUT IN
"""

import gc
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from granian._granian import SocketHolder
from granian._loops import loops
from granian.constants import HTTPModes, RuntimeModes, TaskImpl
from granian.http import HTTP1Settings
from granian.server.mp import MPServer
from pyramid.paster import get_app, setup_logging

from mlserve.ini_file import open_ini
from mlserve.part import PART_KEY, Part
from mlserve.server.workers.gate import Gate
from mlserve.server.workers.line import Line
from mlserve.server.workers.section import Section, read_section
from mlserve.server.workers.sweeping import Sweeper
from mlserve.startup import one_sentence

# Threads beyond those that compute and wait: they answer that too many wait, and what needs no turn.
SPARE = 8
# What granian runs in a worker process of its own; ours are started otherwise, since a reload is to read the code anew.
_serve: Any = MPServer._spawn_wsgi_worker.__wrapped__


def main(ini: str, name: str, descriptor: str, out: str, into: str) -> None:
    """Answer until the supervisor says that it ends, or is gone."""
    line = Line(int(out), int(into))
    setup_logging(ini)
    with one_sentence():
        section = read_section(f"server:{name}", dict(open_ini(ini).get_settings(f"server:{name}")))
        app = get_app(ini, "main", options={PART_KEY: Part.WORKER})
    application = app.registry.mlserve
    gate = Gate(app, section, application.settings["mlserve.limits.body"])
    line.open(
        on_end=lambda: os.kill(os.getpid(), signal.SIGTERM),
        on_farewell=gate.say_farewell,
        on_standing=lambda standing: setattr(application, "siblings", standing),
    )
    # What is there by now stays: the collector need not go through it again and again.
    gc.collect()
    gc.freeze()
    if not section.unix_socket:
        port = socket.socket(fileno=os.dup(int(descriptor))).getsockname()[1]
        Sweeper(port, section.request_timeout, section.idle_timeout, lambda: gate.is_crowded).start()
    threading.Thread(target=_watch, args=(gate, line, section.request_timeout), name="watch", daemon=True).start()
    line.say("ready")
    _answer(gate, section, int(descriptor))
    application.stop()


def _watch(gate: Gate, line: Line, patience: float) -> None:
    """Ask to be replaced where a request is computed for too long: nobody can end what it does."""
    while gate.longest <= patience:
        time.sleep(1.0)
    line.say("hangs")


def _answer(gate: Gate, section: Section, descriptor: int) -> None:
    holder = SocketHolder(descriptor, bool(section.unix_socket), section.backlog)  # type: ignore[call-arg]
    _serve(
        worker_id=1,
        callback=gate,
        sock=(None, holder),
        ipc=None,
        loop=loops.get("asyncio"),
        runtime_mode=RuntimeModes.mt,
        runtime_threads=1,
        runtime_blocking_threads=512,
        blocking_threads=section.threads + section.waiting + SPARE,
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
