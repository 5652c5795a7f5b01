"""The listening socket that all workers share."""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from mlserve.errors import ConfigurationError
from mlserve.server.workers.section import Section


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
    gone = (ConnectionRefusedError, FileNotFoundError)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(*gone):
        probe.connect(str(path))
        return True
    return False
