"""A process that has imported what the others need, and forks each of them.

python -m mlserve.server.workers.template SOCKET PARENT INI MODULE …

It imports the modules, and what their `also(ini)` names, where they have it. It builds no application, opens nothing,
and has one thread: a process that is forked from it finds all as in an interpreter of its own, but for the time and the
memory of the imports.

On the socket go JSON objects, one a packet. It says `{"ready": true}`, or `{"reason": …}` where none can be forked from
it. Then it is asked for `{"module": …, "arguments": […]}`, in which each null stands for the next of the descriptors
that come along, and answers `{"pid": …}` or `{"reason": …}`.
"""

import errno
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlserve.server.workers.prctl import end_with, name_process

LONGEST = 64 * 1024  # bytes of a packet
MOST = 8  # descriptors of one
NAME = "mlserve-preload"


def main(descriptor: str, parent: str, ini: str, *modules: str) -> None:
    """Fork until the supervisor is gone; returns in each forked process when its work is done, too."""
    name_process(NAME)
    end_with(int(parent))  # Also where importing never ends.
    with socket.socket(fileno=int(descriptor)) as way:
        reason = _import_all(ini, modules)
        if reason:
            _say(way, reason=reason)
            return
        order = _orders(way)
    if order is not None:
        _become(*order)


def _import_all(ini: str, modules: tuple[str, ...]) -> str:
    """Import the modules, and what they name; why no process may be forked now, empty where one may."""
    gc.disable()  # It would find next to nothing, and look through all of it again and again.
    opened = _descriptors()
    for name in _imported(ini, modules):
        if len([*Path("/proc/self/task").iterdir()]) > 1:
            return f"importing {name} starts a thread"
        if _descriptors() - opened:
            return f"importing {name} opens a file or a connection"
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # Each fork would write it once more.
    gc.collect()
    gc.freeze()  # No collector of a forked process goes through it, which would copy it.
    return ""


def _imported(ini: str, modules: tuple[str, ...]) -> Iterator[str]:
    """Each name, when it has been imported."""
    for name in modules:
        module = _import(name)
        yield name
        for more in module.also(ini) if hasattr(module, "also") else ():
            _import(more)
            yield more


def _import(name: str) -> Any:
    """The module, or None: whoever needs it imports it again, and tells then what is wrong with it."""
    with suppress(BaseException):
        return importlib.import_module(name)
    return None


def _descriptors() -> set[str]:
    """Those that are open; the one that looks is gone when it is looked for."""
    return {path.name for path in [*Path("/proc/self/fd").iterdir()] if path.is_symlink()}


def _orders(way: socket.socket) -> tuple[str, list[str]] | None:
    """Fork whenever asked to: in a forked process its module and arguments; None when the supervisor is gone."""
    _say(way, ready=True)
    while True:
        try:
            said, descriptors, _, _ = socket.recv_fds(way, LONGEST, MOST, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:  # It has gone without having heard all.
            said = b""
        if not said:
            return None
        asked = json.loads(said)
        try:
            if len(descriptors) < asked["arguments"].count(None):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            pid = _fork()
        except OSError as error:
            _say(way, reason=f"no process can be forked: {error.strerror}")
        else:
            if not pid:
                came = iter(descriptors)
                return asked["module"], [str(next(came)) if text is None else text for text in asked["arguments"]]
            _say(way, pid=pid)
        for descriptor in descriptors:
            os.close(descriptor)


def _say(way: socket.socket, **what: Any) -> None:
    with suppress(BrokenPipeError):  # The supervisor is gone, which the next read tells.
        way.send(json.dumps(what).encode())


def _fork() -> int:
    """The id of a new process, 0 in that process itself. Raises OSError.

    Its parent is one between, which ends at once: so it becomes the supervisor's child, which learns its exit status.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading) as told, os.fdopen(writing, "w") as telling:
        between = os.fork()
        if not between:
            try:
                pid = os.fork()
                if pid:
                    os.write(writing, str(pid).encode())
            except BaseException:
                os._exit(1)
            if pid:
                os._exit(0)
            return 0
        telling.close()
        pid_told = told.read()
        with suppress(ChildProcessError):  # A module that it has imported wants to know of no child.
            os.waitpid(between, 0)
    if not pid_told:
        raise BlockingIOError(0, "there is no room for another process")
    return int(pid_told)


def _become(module: str, arguments: list[str]) -> None:
    """What `python -m MODULE ARGUMENT …` does, in an interpreter that has imported all."""
    gc.enable()
    os.setpgid(0, 0)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # Else all would draw the same; Python's own does so by itself.
    found = importlib.import_module(module)
    sys.argv = [str(found.__file__), *arguments]
    found.main(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
