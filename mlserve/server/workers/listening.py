"""The listening sockets of workers."""

import errno
import os
import shutil
import socket
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from mlserve.errors import ConfigurationError
from mlserve.server.workers.section import Section

LANE = "lane"  # the name of the slow workers' socket in its folder
_LISTENS = "mlserve-lane-"  # how the name of that folder begins
_MADE = "mlserve-"  # and before somebody listens there
_QUEUE = 1024  # requests that wait there for a slow worker
_LONGEST = 107  # bytes of a socket's path (unix(7))
# For how long a place that is in use is tried again, in seconds: the workers of a supervisor that was killed leave it.
PATIENCE = 5.0
_AGAIN = 0.1


def listen(section: Section, name: str) -> socket.socket:
    """A socket that listens where the section called `[name]` says, and nobody else. Raises ConfigurationError."""
    try:
        return _free(section, time.monotonic() + PATIENCE)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"{section.place} is in use: stop the other server, or write another port under [{name}]."
            ) from error
        reason = (os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)).lower()
        raise ConfigurationError(f"it cannot listen on {section.place}, as [{name}] says: {reason}.") from error


def _free(section: Section, last: float) -> socket.socket:
    """Where it is in use, tried again until `last`. Raises OSError."""
    while True:
        try:
            return _unix(section) if section.unix_socket else _tcp(section)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= last:
                raise
        time.sleep(_AGAIN)


def end_listening(descriptor: int) -> None:
    """Free the place of a listening socket at once, for all processes that have it; it stays a descriptor."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as listening:  # Another one was first.
        listening.shutdown(socket.SHUT_RD)


def listen_privately() -> tuple[socket.socket, Path]:
    """A socket of the slow workers, in a folder that only this user may enter; the folder is the caller's to remove.

    What killed supervisors have left is removed here. Raises ConfigurationError, and leaves nothing behind then.
    """
    try:
        found = Path(tempfile.gettempdir())
        for left in found.glob(f"{_LISTENS}*"):
            with suppress(OSError):  # It is somebody else's, or is being removed.
                if not _answers(left / LANE):
                    shutil.rmtree(left)
        return _lane(Path(tempfile.mkdtemp(prefix=_MADE)))
    except OSError as error:
        raise ConfigurationError(
            f"slow_workers need a socket in the folder for temporary files (TMPDIR), which cannot be made: {error}."
        ) from error


def is_there(folder: Path) -> bool:
    """Whether a socket of ours is still there."""
    try:
        return (folder / LANE).lstat().st_uid == os.geteuid()
    except OSError:
        return False


def listen_again(folder: Path) -> socket.socket:
    """The same place anew, after a cleaner of temporary files has removed it. Raises OSError.

    Who hands work over knows the place by its name, and finds the new socket there.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} is somebody else's")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(folder / LANE))
        listening.listen(_QUEUE)
    except BaseException:
        listening.close()
        raise
    return listening


def _lane(made: Path) -> tuple[socket.socket, Path]:
    """The socket in a folder that was just made, and the folder by the name that it has from now on."""
    # It has this name only while somebody listens in it, so that no other start takes it for a dead one's.
    folder = made.with_name(f"{_LISTENS}{made.name.removeprefix(_MADE)}")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, made, ignore_errors=True)
        if len(os.fsencode(folder / LANE)) > _LONGEST:
            raise OSError(f"{folder / LANE} is longer than {_LONGEST} bytes")
        listening = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listening.bind(str(made / LANE))
        listening.listen(_QUEUE)
        made.rename(folder)
        undo.pop_all()
    return listening, folder


def beside(listening: socket.socket, backlog: int) -> socket.socket:
    """Another one at the same address, between which and the first the kernel draws. Raises OSError."""
    return _listening(_bound(listening.family, listening.getsockname(), is_alone=False), backlog)


def _tcp(section: Section) -> socket.socket:
    found = socket.getaddrinfo(section.host, section.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    first = _listening(_bound(family, address, is_alone=True), section.backlog)
    # Only now: sockets that may share an address are not told that others are there.
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return first


def _bound(family: int, address: Any, *, is_alone: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0 if is_alone else 1)
        # Each connection has it from here: an answer in two pieces waits for nobody.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made


def _listening(bound: socket.socket, backlog: int) -> socket.socket:
    try:
        bound.listen(backlog)
    except BaseException:
        bound.close()
        raise
    return bound


def _unix(section: Section) -> socket.socket:
    path = Path(section.unix_socket)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()  # A killed supervisor has left it.
        listening.bind(str(path))
        path.chmod(section.unix_socket_perms)  # Before it listens, nobody can connect.
        listening.listen(section.backlog)
    except BaseException:
        listening.close()
        raise
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:  # So many wait for it that there is no room for one more.
            return True
    return True
