"""Bringing the database's tables to this version, once, whoever starts first."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from mlserve.db.engine import Database, open_database, parse_url
from mlserve.errors import ConfigurationError, DatabaseUnavailable

VERSION_TABLE = "mlserve_alembic_version"

# The key of PostgreSQL's advisory lock: any constant that nobody else uses.
_LOCK_KEY = 0x6D6C7365727665
_PATIENCE = 60.0


def upgrade(
    url: str, locations: Sequence[str] = (), lock_path: Path | None = None, patience: float = _PATIENCE
) -> list[str]:
    """Runs all missing migrations, of the core and of the plugins' locations; the heads that it leads to.

    A location is `package:folder`. Whoever comes second waits up to `patience` seconds for the first. Raises
    DatabaseUnavailable, or ConfigurationError when the database was made by a newer version.
    """
    database = open_database(url, bounded=False)
    try:
        with _alone(url, database, lock_path, patience), database.write() as connection:
            if database.dialect == "postgresql":
                # A table held by a long query must not stop the log for longer than this.
                connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            _run(connection, locations)
            return list(_heads(connection))
    finally:
        database.close()


def current(database: Database) -> tuple[str, ...]:
    """The revisions that the database has. Raises DatabaseUnavailable."""
    with database.read() as connection:
        return _heads(connection)


def is_current(database: Database, locations: Sequence[str] = ()) -> bool:
    """Whether every migration has run, and none that this version does not know. Raises DatabaseUnavailable."""
    script = ScriptDirectory.from_config(_config(locations))
    # A head that a plugin's migration depends on is not listed beside it: what counts is all that they stand on.
    try:
        applied = {revision.revision for revision in script.iterate_revisions(current(database), "base")}
    except CommandError:
        return False
    return set(script.get_heads()) <= applied


def _heads(connection: Connection) -> tuple[str, ...]:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return tuple(sorted(context.get_current_heads()))


def _run(connection: Connection, locations: Sequence[str]) -> None:
    config = _config(locations)
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "heads")
    except CommandError as error:
        raise ConfigurationError(
            f"The database cannot be brought to this version of mlserve ({error});"
            " it was made by a newer version or with a plugin that is not enabled here."
        ) from error


def _config(locations: Sequence[str]) -> Config:
    config = Config()
    config.set_main_option("script_location", "mlserve.db:migrations")
    config.set_main_option("path_separator", "space")
    config.set_main_option("version_locations", " ".join(["mlserve.db.migrations:versions", *locations]))
    return config


@contextmanager
def _alone(url: str, database: Database, lock_path: Path | None, patience: float) -> Iterator[None]:
    if database.dialect == "postgresql":
        with _advisory_lock(database, patience):
            yield
    else:
        path = lock_path or Path(f"{parse_url(url).database}.migrate.lock")
        with _file_lock(path, patience):
            yield


@contextmanager
def _advisory_lock(database: Database, patience: float) -> Iterator[None]:
    # A connection of its own, so that the lock outlives the migrations' transaction and goes with the process.
    with database.read() as connection:
        key = {"key": _LOCK_KEY}
        _wait(lambda: connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), key).scalar(), patience)
        yield


@contextmanager
def _file_lock(path: Path, patience: float) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise DatabaseUnavailable("The database's folder cannot be written.") from error
    try:
        _wait(lambda: _try_flock(descriptor), patience)
        yield
    finally:
        os.close(descriptor)


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(attempt: Any, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not attempt():
        if time.monotonic() > deadline:
            raise DatabaseUnavailable("Another process is migrating the database; it did not finish in time.")
        time.sleep(0.05)
