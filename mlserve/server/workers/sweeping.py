"""Closes connections whose request is not answered in time, and those that have long had none.

granian reads a body in the thread that asks for it, for as long as the client takes; the end of the connection is what
ends that. What a connection is about is read from the kernel: when it received and when it sent something last.
"""

import fcntl
import logging
import os
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("mlserve.workers")

# struct tcp_info (linux/tcp.h): eight bytes of flags, then 32-bit numbers. The times are ages in milliseconds.
_SENT = 8 + 9 * 4  # tcpi_last_data_sent
_RECEIVED = 8 + 11 * 4  # tcpi_last_data_recv
# Since Linux 4.6: how many pieces of data came and went.
_PIECES_IN = 8 + 24 * 4 + 4 * 8 + 4 * 4
_PIECES_OUT = _PIECES_IN + 4
_SIZE = _PIECES_OUT + 4


@dataclass
class Seen:
    """A connection, as it was seen last."""

    inode: int
    asks_since: float | None  # when a request was first seen on it that has no answer yet


class Sweeper:
    """Of the connections to `port` of this machine; `request_timeout` and `idle_timeout` are in seconds.

    `is_crowded` says that many threads wait for clients: then a request has `HURRIED` seconds, and so has whoever takes
    nothing of an answer `STALLED`.
    """

    HURRIED = 2.0
    STALLED = 10.0
    PAUSE = 0.5

    def __init__(self, port: int, request_timeout: float, idle_timeout: float, is_crowded: Callable[[], bool]) -> None:
        self._port = port
        self._request_timeout = request_timeout
        self._idle_timeout = idle_timeout
        self._is_crowded = is_crowded
        self._seen: dict[int, Seen] = {}
        self._fails = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="sweeper", daemon=True).start()

    def sweep(self) -> int:
        """Look at every connection of this process once; how many were closed."""
        now = time.monotonic()
        crowded = self._is_crowded()
        patience = self.HURRIED if crowded else self._request_timeout
        seen: dict[int, Seen] = {}
        closed = 0
        for descriptor in _sockets():
            with suppress(OSError), _duplicate(descriptor) as end:
                ages = _ages(end, self._port)
                if ages is None:
                    continue
                sent, received, asks = ages
                inode = os.fstat(end.fileno()).st_ino
                before = self._seen.get(descriptor)
                since = None
                if asks:
                    since = now - received
                    if before is not None and before.inode == inode and before.asks_since is not None:
                        # It has asked before. What was sent meanwhile was the answer: this is another request.
                        since = max(before.asks_since, now - sent)
                seen[descriptor] = Seen(inode, since)
                # Who reads a long answer says nothing meanwhile, but is not idle.
                idle = min(self.STALLED, self._idle_timeout) if crowded and _unsent(end) else self._idle_timeout
                if (since is not None and now - since > patience) or (since is None and sent > idle):
                    end.shutdown(socket.SHUT_RDWR)
                    closed += 1
        self._seen = seen
        return closed

    def _run(self) -> None:
        while True:
            time.sleep(self.PAUSE)
            self._try_to_sweep()

    def _try_to_sweep(self) -> None:
        try:
            closed = self.sweep()
        except Exception:  # There may be no descriptor left, and some the next time.
            if not self._fails:
                log.exception("sweeping_failed")
            self._fails = True
            return
        self._fails = False
        if closed:
            log.info("connections_closed", extra={"fields": {"connections": closed}})


def _sockets() -> Iterator[int]:
    """The descriptor of each socket of this process."""
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(path.readlink()).startswith("socket:["):
                yield int(path.name)


def _duplicate(descriptor: int) -> socket.socket:
    """What the descriptor means now, to be looked at and shut: soon it may mean something else. Raises OSError."""
    duplicate = os.dup(descriptor)
    try:
        return socket.socket(fileno=duplicate)
    except OSError:  # It is no socket any more.
        os.close(duplicate)
        raise


def _unsent(end: socket.socket) -> int:
    """How many bytes wait for the client to take them."""
    number: int = struct.unpack("=i", fcntl.ioctl(end, termios.TIOCOUTQ, bytes(4)))[0]
    return number


def _ages(end: socket.socket, port: int) -> tuple[float, float, bool] | None:
    """How many seconds ago it sent and received something last, and whether what it received waits for an answer.

    None for what is no connection to that port. Raises OSError for one that is gone.
    """
    if end.type != socket.SOCK_STREAM or end.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    if end.getsockname()[1] != port:
        return None  # One to a database, say.
    end.getpeername()  # The listening socket has none.
    info = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    numbers = [struct.unpack_from("=I", info, place)[0] for place in (_SENT, _RECEIVED, _PIECES_IN, _PIECES_OUT)]
    sent, received, pieces_in, pieces_out = numbers
    # Where nothing was ever sent its age is that of the connection, in which a request often comes at once.
    return sent / 1000, received / 1000, received < sent or (pieces_in > 0 and not pieces_out)
