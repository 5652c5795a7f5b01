"""The listening sockets that workers share."""

import errno
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from mlserve.errors import ConfigurationError
from mlserve.server.workers.section import Section

LANE = "lane"  # the name of the slow workers' socket in its folder
_LISTENS = "mlserve-lane-"  # how the name of that folder begins


def listen(section: Section, name: str) -> socket.socket:
    """A socket that listens where the section called `[name]` says. Raises ConfigurationError."""
    try:
        return _unix(section) if section.unix_socket else _tcp(section)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"{section.place} is in use: stop the other server, or write another port under [{name}]."
            ) from error
        reason = (os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)).lower()
        raise ConfigurationError(f"it cannot listen on {section.place}, as [{name}] says: {reason}.") from error


def listen_privately() -> tuple[socket.socket, Path]:
    """A socket of the slow workers, in a folder that only this user may enter; the folder is the caller's to remove.

    What killed supervisors have left is removed here.
    """
    found = Path(tempfile.gettempdir())
    for left in found.glob(f"{_LISTENS}*"):
        with suppress(OSError):  # It is somebody else's, or is being removed.
            if not _answers(left / LANE):
                shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix="mlserve-"))
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(folder / LANE))
    listening.listen(1024)
    # It has this name only while somebody listens in it, so that no other start takes it for a dead one's.
    return listening, folder.rename(found / f"{_LISTENS}{folder.name.removeprefix('mlserve-')}")


def _tcp(section: Section) -> socket.socket:
    found = socket.getaddrinfo(section.host, section.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(section.backlog)
    except BaseException:
        listening.close()
        raise
    return listening


def _unix(section: Section) -> socket.socket:
    path = Path(section.unix_socket)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()  # A killed supervisor has left it.
        listening.bind(str(path))
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
