"""Opening the database: one door for SQLite and PostgreSQL, with explicit read and write transactions."""

import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mlserve.db.breaker import Breaker
from mlserve.db.failures import LOCKED, UNUSABLE, as_unavailable, unavailable
from mlserve.errors import ConfigurationError, DatabaseUnavailable

_QUESTION = text("SELECT 1")


class Database:
    """The engine behind `read()` and `write()`, each a transaction that commits when its block ends without an error.

    Both raise DatabaseUnavailable for what is wrong with the database; an error about the data keeps its own type. Once
    the database is lost they fail at once for a while, so that no more threads wait for it.
    """

    def __init__(self, engine: Engine, timeout: float) -> None:
        self.engine = engine
        self.dialect: str = engine.dialect.name
        self._timeout = timeout
        self._breaker = Breaker()
        # SQLite lets waiting writers poll; threads of one process queue here instead, and are served without a pause.
        self._gate = threading.Lock() if self.dialect == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._breaker.check(self._ask)
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self._breaker.check(self._ask)
        with self._turn(), self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def ping(self) -> None:
        """Raises DatabaseUnavailable unless the database answers."""
        with self.read() as connection:
            connection.execute(_QUESTION)

    def close(self) -> None:
        self.engine.dispose()

    def _ask(self) -> None:
        with self._transaction("BEGIN") as connection:
            connection.execute(_QUESTION)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        connected = False
        try:
            with self.engine.begin() as connection:
                connected = True
                if self.dialect == "sqlite":
                    # Straight to the driver: the connection's own events cost more than the insert that follows.
                    connection.connection.driver_connection.execute(begin)  # type: ignore[union-attr]
                yield connection
        except (self.engine.dialect.loaded_dbapi.OperationalError, DBAPIError, PoolTimeout) as error:
            failure = self._failure(error, connected)
            if failure is None:
                raise
            raise failure from error
        self._breaker.succeeded()

    def _failure(self, error: Exception, connected: bool) -> DatabaseUnavailable | None:
        driver = self.engine.dialect.loaded_dbapi
        failure = unavailable(error) if isinstance(error, driver.OperationalError) else as_unavailable(error)
        if failure is not None:
            silent = getattr(getattr(error, "orig", error), "silent", False)
            self._breaker.failed(failure, error, lost=silent or (not connected and str(failure) == UNUSABLE))
        return failure

    def _turn(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._gate is None else _held(self._gate, self._timeout)


def open_database(url: str, timeout: float = 5.0, *, bounded: bool = True, durable: bool = False) -> Database:
    """The database at an SQLAlchemy URL; no connection is made yet.

    `timeout` (seconds) bounds the wait for a connection and for other writers' locks. PostgreSQL's statements may take
    twice as long and a second more, unless `bounded` is false: for an operator's work. With `durable`, what is
    committed survives a power cut, whatever the database would do by itself. Raises ConfigurationError.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite_engine(parsed, timeout, durable), timeout)
    return Database(_postgresql_engine(parsed, timeout, bounded, durable), timeout)


def _postgresql_engine(url: URL, timeout: float, bounded: bool, durable: bool) -> Engine:
    # The driver is an extra of the installation: who stays with SQLite does without.
    try:
        from mlserve.db.postgresql import postgresql_engine
    except ImportError as error:
        raise ConfigurationError(
            "mlserve.database.url is a PostgreSQL, whose driver is not installed: "
            "in a clone run `.venv/bin/pip install -e '.[postgresql]' -c constraints.txt`."
        ) from error
    return postgresql_engine(url, timeout, bounded=bounded, durable=durable)


def parse_url(url: str) -> URL:
    """The URL in SQLAlchemy's form. Raises ConfigurationError for what mlserve cannot use."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            f"mlserve.database.url is not a database URL: {url!r}; write sqlite:///path or postgresql://user@host/name."
        ) from error
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"mlserve.database.url names {backend!r}; mlserve works with sqlite:///path and postgresql://user@host/name."
        )
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise ConfigurationError(
            "mlserve.database.url names a SQLite database in memory, which no second connection could see;"
            " write sqlite:///path."
        )
    return parsed


def _sqlite_engine(url: URL, timeout: float, durable: bool) -> Engine:
    module = _sqlite_module()
    engine = create_engine(
        url,
        module=module,
        hide_parameters=True,  # Error texts reach logs and answers; what callers sent does not belong there.
        pool_timeout=timeout,
        pool_size=5,
        max_overflow=10,
    )
    path = Path(url.database or "")

    @event.listens_for(engine, "do_connect")
    def _create_private(*_: Any) -> None:
        # The file is made here, because SQLite itself would make it readable for everybody.
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            except OSError as error:
                raise module.OperationalError(f"the database file cannot be made: {error}") from error

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        # Transactions begin where we say: the driver's own way loses updates between processes.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {math.ceil(timeout * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL syncs the write-ahead log at its checkpoints only.
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")

    return engine


def _sqlite_module() -> ModuleType:
    if sys.platform == "linux":
        # Python's own SQLite (3.40 on Debian 12) can damage the database when its write-ahead log is reset.
        import pysqlite3.dbapi2 as module
    else:
        import sqlite3 as module  # type: ignore[no-redef]
    return module  # type: ignore[no-any-return]


@contextmanager
def _held(gate: threading.Lock, timeout: float) -> Iterator[None]:
    if not gate.acquire(timeout=timeout):
        raise DatabaseUnavailable(LOCKED, retry_after=1)
    try:
        yield
    finally:
        gate.release()
