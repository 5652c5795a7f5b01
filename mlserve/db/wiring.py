"""Start of the database: SQLite is brought up to date by whoever starts first, PostgreSQL by its operator."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from pyramid.config import Configurator

from mlserve.application import Application
from mlserve.db.engine import Database, open_database
from mlserve.db.failures import reason_of
from mlserve.db.revisions import is_at_last
from mlserve.errors import ConfigurationError, DatabaseUnavailable
from mlserve.faults import Fault
from mlserve.observability.health import Degraded

_Found = TypeVar("_Found")


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    application.health.add("database", partial(_check, application))
    application.at_start(partial(_open, application))


def _open(application: Application) -> None:
    try:
        application.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"mlserve.var is {str(application.var)!r}, which cannot be made ({error.strerror}): write the path of a "
            "folder that mlserve may write to."
        ) from error
    url = application.settings["mlserve.database.url"]
    # Predictions with an idempotency key, and the shipper, keep the promise of the log's way in SQL.
    durable = application.settings["mlserve.log.way"] == "host"
    database = open_database(url, application.settings["mlserve.database.timeout"], durable=durable)
    application.database = database
    application.at_stop(database.close)
    if database.dialect == "sqlite":
        if is_at_last(database, application.migrations):
            return
        from mlserve.db import migrate  # And Alembic, which takes a while, only where it is needed.

        try:
            with told_to_operator():
                _with_sound_migrations(application, partial(migrate.upgrade, url))
        except DatabaseUnavailable as error:
            raise ConfigurationError(f"mlserve.database.url is {url!r}, which cannot be opened: {error}") from error
        return
    # Where it cannot be reached, the models decide whether this host can start without it.
    with suppress(DatabaseUnavailable):
        _refuse_old_tables(application, database)


def _with_sound_migrations(application: Application, attempt: Callable[[Sequence[str]], _Found]) -> _Found:
    """What `attempt(locations)` gives with all migrations; without those of a plugin that make it fail.

    Raises what it raises of the core's own, and ConfigurationError.
    """
    try:
        return attempt(application.migrations)
    except ConfigurationError:
        raise
    except Exception:
        if not application.migrating:
            raise
        sound: list[str] = []
        found = attempt(sound)
        for location in application.migrations:
            try:
                found = attempt([*sound, location])
                sound.append(location)
            except Exception as error:
                plugin = application.migrating.get(location)
                if plugin is None or isinstance(error, ConfigurationError):
                    raise
                cause = error.__cause__ or error  # what the database has said
                application.withdraw(Fault(plugin.name, "migrations", cause, plugin.module.__name__))
        application.migrations[:] = sound
        application.faults.log()
        return found


def examine_database(application: Application) -> None:
    """Look whether a server could use the database; an SQLite one is made when a server starts.

    Raises ConfigurationError, DatabaseUnavailable.
    """
    with opened_by_operator(application) as database:
        if database.dialect != "sqlite":
            _refuse_old_tables(application, database)


@contextmanager
def opened_by_operator(application: Application) -> Iterator[Database]:
    """The database of an application that is not started, for an operator: with the reason when it cannot be used.

    Raises DatabaseUnavailable.
    """
    settings = application.settings
    database = open_database(settings["mlserve.database.url"], settings["mlserve.database.timeout"], bounded=False)
    try:
        with told_to_operator():
            yield database
    finally:
        database.close()


@contextmanager
def told_to_operator() -> Iterator[None]:
    """Adds the reason to what a caller is told of the database. Raises DatabaseUnavailable."""
    try:
        yield
    except DatabaseUnavailable as error:
        if error.__cause__ is None:
            raise
        raise DatabaseUnavailable(f"{error.detail.rstrip('.')}: {reason_of(error)}.") from error


def _refuse_old_tables(application: Application, database: Database) -> None:
    if is_at_last(database, application.migrations):
        return
    from mlserve.db import migrate

    if not _with_sound_migrations(application, partial(migrate.is_current, database)):
        raise ConfigurationError(
            "The database of mlserve.database.url lacks tables of this version: run `mlserve db upgrade` with this INI."
        )


def _check(application: Application) -> dict[str, Any]:
    """Without the database, predictions go on where a spool keeps them."""
    try:
        application.database.ping()
    except DatabaseUnavailable as error:
        if application.settings["mlserve.log.way"] == "sql":
            raise
        raise Degraded({"reason": str(error)}) from error
    return {"dialect": application.database.dialect}
