"""Bringing the database's tables to this version, once, whoever starts first."""

import fcntl
import logging
import os
import re
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
from mlserve.db.revisions import CORE, VERSION_TABLE, VERSIONS
from mlserve.errors import ConfigurationError, DatabaseUnavailable

log = logging.getLogger("mlserve.database")

# The key of PostgreSQL's advisory lock: any constant that nobody else uses.
_LOCK_KEY = 0x6D6C7365727665
_PATIENCE = 60.0


def upgrade(
    url: str, locations: Sequence[str] = (), lock_path: Path | None = None, patience: float = _PATIENCE
) -> list[str]:
    """Runs all missing migrations, of the core and of the plugins' locations; the heads that it leads to.

    A location is `package:folder`. What a plugin that is not enabled here has left is left alone, with a warning in the
    log. Whoever comes second waits up to `patience` seconds for the first. Raises DatabaseUnavailable, or
    ConfigurationError when the database was made by a newer version.
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
    """Whether every migration has run, and none of a newer version. Raises DatabaseUnavailable."""
    script = ScriptDirectory.from_config(_config(locations))
    try:
        found = _Found(script, current(database))
    except ConfigurationError:
        return False
    return set(script.get_heads()) <= found.applied


class _Found:
    """What a database has, beside the revisions that are known here.

    The table of versions keeps the last revision of each location, also where one depends on another: alembic would
    leave out the one that is depended on, which nobody could tell any more once the plugin is not enabled.
    """

    def __init__(self, script: ScriptDirectory, heads: Sequence[str]) -> None:
        """Raises ConfigurationError where a head is of a newer version."""
        known = {revision.revision for revision in script.walk_revisions()}
        self.heads = set(heads)
        self.foreign = self.heads - known  # of plugins that are not enabled here
        _refuse_newer(self.heads, self.foreign, known)
        under = {head: _ancestors(script, head) for head in self.heads & known}
        self.applied = set[str]().union(*under.values())
        # Those that no other stands on, as alembic wants them.
        self.alembic = {head for head in under if not any(head in under[other] for other in under if other != head)}


def _ancestors(script: ScriptDirectory, head: str) -> set[str]:
    """A revision with all that it stands on."""
    return {revision.revision for revision in script.iterate_revisions(head, "base")}


def _refuse_newer(heads: set[str], foreign: set[str], known: set[str]) -> None:
    """Raises ConfigurationError where an unknown head follows one that is known: it is not that of another plugin."""
    core = {revision.revision for revision in ScriptDirectory.from_config(_config(())).walk_revisions()}
    series = {_series(revision) for revision in known}
    newer = sorted(head for head in foreign if _series(head) in series or not core & heads)
    if newer:
        raise ConfigurationError(
            f"The database has the revision {', '.join(newer)}, which is not known here: it was made by a newer "
            "version of mlserve or of a plugin."
        )


def _series(revision: str) -> str:
    """What the revisions of one location have in common: `xgboost_` of xgboost_0001, nothing of the core's numbers."""
    return re.sub(r"\d+$", "", revision)


def _heads(connection: Connection) -> tuple[str, ...]:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return tuple(sorted(context.get_current_heads()))


def _run(connection: Connection, locations: Sequence[str]) -> None:
    config = _config(locations)
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    found = _Found(script, _heads(connection))
    if found.foreign:
        log.warning("revisions_unknown", extra={"fields": {"revisions": sorted(found.foreign)}})
    wanted = set(script.get_heads())
    if wanted <= found.heads:
        return
    # Alembic refuses heads that it does not know. It is all one transaction: nobody sees the table without them.
    _set_heads(connection, found.alembic)
    try:
        command.upgrade(config, "heads")
    except CommandError as error:
        raise ConfigurationError(f"The database cannot be brought to this version of mlserve: {error}.") from error
    _set_heads(connection, wanted | found.foreign)


def _set_heads(connection: Connection, wanted: set[str]) -> None:
    found = set(_heads(connection))
    if found - wanted:
        connection.execute(VERSIONS.delete().where(VERSIONS.c.version_num.in_(found - wanted)))
    if wanted - found:
        connection.execute(VERSIONS.insert(), [{"version_num": head} for head in sorted(wanted - found)])


def _config(locations: Sequence[str]) -> Config:
    config = Config()
    config.set_main_option("script_location", "mlserve.db:migrations")
    config.set_main_option("path_separator", "space")
    config.set_main_option("version_locations", " ".join([CORE, *locations]))
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
