"""Running waitress: its sockets, its loop, and its end in order."""

import errno
import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from types import FrameType
from typing import Any, NoReturn

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer, UnixWSGIServer

from mlserve.auth.exposure import refuse_open
from mlserve.errors import ConfigurationError
from mlserve.server.dispatcher import Dispatcher
from mlserve.server.parser import Parser
from mlserve.server.registrations import Registrations
from mlserve.server.short import ShortRequests
from mlserve.server.task import ShortTask, environ_of, without_proxies

# How long requests that are waiting or being answered may take after the signal to end, in seconds.
GRACE = 5.0
# A thread that computes lets others have the interpreter after so many seconds. The loop lets go of it at each of a
# request's four calls of the system; Python's own 5 ms each time would be 20 ms.
SWITCH = 0.0005
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def serve(app: Any, global_conf: Any = None, **settings: str) -> int:
    """Serve a WSGI application until a signal ends it (`paste.server_runner`).

    `settings` are waitress's. A mistake in them, or a port that is in use, ends the process with one sentence.
    """
    try:
        server = Server(app, settings)
    except ConfigurationError as error:
        give_up(app, error)
    sys.setswitchinterval(SWITCH)
    # What is there by now stays: the collector need not go through it again and again while requests wait.
    gc.collect()
    gc.freeze()
    server.run()
    return 0


def give_up(app: Any, error: ConfigurationError) -> NoReturn:
    """End the process with status 1: of a server's SystemExit `pserve` makes status 0, which no supervisor minds."""
    application = getattr(getattr(app, "registry", None), "mlserve", None)
    if application is not None:
        application.stop()
    print(f"mlserve cannot start: {error}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(1)


def adjustments(settings: Mapping[str, str]) -> Adjustments:
    """Waitress's view of the settings of `[server:main]`. Raises ConfigurationError."""
    try:
        # `select` cannot watch a descriptor beyond 1023, which fewer connections than that already reach.
        return Adjustments(**{"asyncore_use_poll": "true", **settings})
    except ValueError as error:
        raise ConfigurationError(f"[server:main] is not for waitress: {str(error).rstrip('.')}.") from error


class Channel(HTTPChannel):
    """A connection whose short requests the loop answers, as soon as it has read them."""

    _held: list[bytes] | None = None

    def __init__(self, server: "_InLoop", *args: Any, **keywords: Any) -> None:
        self.parser_class = server.parser
        super().__init__(server, *args, **keywords)

    @cached_property
    def environ(self) -> dict[str, Any]:
        """What the WSGI environ of each request of this connection begins with."""
        return environ_of(self)

    def handle_read(self) -> None:
        super().handle_read()
        self.server.task_dispatcher.answer_due()

    def answer(self) -> None:
        """Answer one request in the loop; head and body of the answer leave together."""
        if len(self.requests) == 1 and self.request is None:  # Otherwise `service` itself sends more after it.
            self._held = []
        self.task_class = ShortTask
        try:
            self.service()
        finally:
            del self.task_class
            held, self._held = self._held, None
        if held and self.connected:
            self._send(b"".join(held))

    def write_soon(self, data: Any) -> int:
        if self._held is not None and not isinstance(data, bytes):  # A file: what came before it leaves first.
            held, self._held = self._held, None
            super().write_soon(b"".join(held))
        if self._held is None:
            written: int = super().write_soon(data)
            return written
        if not self.connected:
            raise ClientDisconnected
        self._held.append(data)
        return len(data)

    def _send(self, data: bytes) -> None:
        """Give it to the socket at once, and to the buffers what that does not take: they are empty.

        A channel with an unsent answer is for the threads.
        """
        sent = 0
        # Whatever is wrong with the socket, the buffers will meet it too, and they know what to do.
        with suppress(OSError):
            sent = self.send(data, do_close=False)
        if sent < len(data):
            super().write_soon(data[sent:])


class _InLoop:
    """What a listening socket does otherwise than waitress's own."""

    channel_class = Channel
    parser: Callable[[Adjustments], Parser]
    task_dispatcher: Dispatcher

    def pull_trigger(self) -> None:
        """Wake the loop, unless this is the loop."""
        if threading.get_ident() != self.task_dispatcher.loop:
            super().pull_trigger()  # type: ignore[misc]


class _TcpServer(_InLoop, TcpWSGIServer):
    pass


class _UnixServer(_InLoop, UnixWSGIServer):
    pass


class Server:
    """Listening sockets and the one loop over them and their connections. Raises ConfigurationError."""

    def __init__(self, app: Any, settings: dict[str, str]) -> None:
        self._adj = adjustments(settings)
        self._refuse_open(app)
        self._map: dict[int, Any] = {}
        self._leaving = False
        self._parser = partial(Parser, known={}, registrations=Registrations.of(app, self._adj))
        self._dispatcher = Dispatcher(ShortRequests.of(app, self._adj.url_prefix))
        try:
            self._servers = [self._listen(app, *place) for place in self._places()]
        except BaseException:
            wasyncore.close_all(self._map)
            raise
        self._dispatcher.set_thread_count(self._adj.threads)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each socket."""
        return [(server.effective_host, int(server.effective_port)) for server in self._servers]

    @property
    def connections(self) -> list[Channel]:
        """Those that are open."""
        return [known for known in list(self._map.values()) if isinstance(known, Channel)]

    def run(self) -> None:
        """Serve in this thread until `leave`, or until one of the usual signals in the main thread."""
        for server in self._servers:
            server.print_listen("Serving on http://{}:{}")
        self._dispatcher.loop = threading.get_ident()
        deadline = 0.0
        try:
            with self._ended_by_signals():
                while not self._leaving:
                    self._turn(self._adj.asyncore_loop_timeout)
            deadline = time.monotonic() + GRACE
            self._finish(deadline)
        except (SystemExit, KeyboardInterrupt):  # A second signal: no more patience.
            deadline = 0.0
        finally:
            self._dispatcher.loop = None
            self._dispatcher.shutdown(timeout=max(0.1, deadline - time.monotonic()))
            wasyncore.close_all(self._map)

    def leave(self) -> None:
        """Let the loop end after what it is doing; from any thread, or a signal's handler."""
        if not self._leaving:  # Once: the loop may have ended since, and the trigger's file be somebody else's.
            self._leaving = True
            self._servers[0].trigger.pull_trigger()

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout=timeout, use_poll=self._adj.asyncore_use_poll, map=self._map, count=1)

    def _finish(self, deadline: float) -> None:
        """Listen no more, answer every request that has begun to arrive, and close each connection that has none."""
        self._take_what_waits()
        for server in self._servers:
            wasyncore.dispatcher.close(server)  # All but its trigger, by which the threads wake the loop.
        while time.monotonic() < deadline:
            channels = self.connections
            for channel in channels:
                if not channel.requests and channel.request is None and not channel.total_outbufs_len:
                    channel.handle_close()
            if not channels:
                return
            self._turn(0.1)

    def _take_what_waits(self) -> None:
        """Read what has come already: the system has taken these connections, so their clients believe in an answer."""
        waiting = select.poll()
        for server in self._servers:
            waiting.register(server.socket, select.POLLIN)
        for _ in range(self._adj.backlog):
            if not waiting.poll(0):
                break
            self._turn(0)
        self._turn(0)

    @contextmanager
    def _ended_by_signals(self) -> Iterator[None]:
        """A signal ends the loop between two answers; raised as an exception it would end one in its middle.

        What is ignored stays ignored (`nohup`), and a second signal does what it would have done without us.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        ours = [number for number in _SIGNALS if before[number] is not signal.SIG_IGN]

        def end(number: int, frame: FrameType | None) -> None:
            restore()
            self.leave()

        def restore() -> None:
            for number in ours:
                signal.signal(number, before[number])

        for number in ours:
            signal.signal(number, end)
        try:
            yield
        finally:
            restore()

    def _refuse_open(self, app: Any) -> None:
        """What the INI says is looked at when the application is made; this is what waitress makes of it."""
        application = getattr(getattr(app, "registry", None), "mlserve", None)
        if application is not None and not self._adj.unix_socket:
            refuse_open(application.settings, [str(sockinfo[3][0]) for sockinfo in self._adj.listen])

    def _places(self) -> list[tuple[Any, Any]]:
        """The class of each server, and what it listens on."""
        if self._adj.unix_socket:
            return [(_UnixServer, (socket.AF_UNIX, socket.SOCK_STREAM, None, None))]
        return [(_TcpServer, sockinfo) for sockinfo in self._adj.listen]

    def _listen(self, app: Any, kind: Any, sockinfo: Any) -> Any:
        try:
            server = kind(app, self._map, dispatcher=self._dispatcher, adj=self._adj, sockinfo=sockinfo)
        except OSError as error:
            place = self._adj.unix_socket or "{}:{}".format(*sockinfo[3][:2])
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(
                    f"{place} is in use: stop the other server, or write another port under [server:main]."
                ) from error
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ConfigurationError(
                f"it cannot listen on {place}, as [server:main] says: {reason.lower()}."
            ) from error
        server.parser = self._parser
        if self._adj.trusted_proxy is None:
            server.application = without_proxies(app, server.application)
        return server
