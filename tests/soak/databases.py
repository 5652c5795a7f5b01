"""The databases of the soak, and the ways in which each goes away for a while."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import pysqlite3.dbapi2 as sqlite3

from tests.functional.postgres import Postgres, own_postgres


class Database(Protocol):
    url: str
    stops: tuple[str, ...]  # the ways in which it goes away

    def stop(self, how: str, seconds: float) -> None:
        """Be away for so long, and come back."""


class Sqlite:
    """Somebody else writes for seconds."""

    stops: tuple[str, ...] = ("lock",)

    def __init__(self, folder: Path) -> None:
        self._path = folder / "var" / "mlserve.db"
        self.url = f"sqlite:///{self._path}"

    def stop(self, how: str, seconds: float) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=30)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")


class PostgreSQL:
    """A server of the soak's own: it crashes, is shut down, or says nothing at all."""

    stops: tuple[str, ...] = ("crash", "hang", "shutdown")

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.url = server.url

    def stop(self, how: str, seconds: float) -> None:
        if how == "hang":
            with self._server.hanging():
                time.sleep(seconds)
            return
        self._server.stop(signal.SIGQUIT if how == "crash" else signal.SIGINT)
        time.sleep(seconds)
        self._server.start()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[Database]:
    """`sqlite` or `postgresql`, which is started in the folder."""
    if kind == "sqlite":
        yield Sqlite(folder)
        return
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as sockets,
        own_postgres(folder / "postgresql", Path(sockets)) as server,
    ):
        yield PostgreSQL(server)
