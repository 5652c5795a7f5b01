"""Start of the database: SQLite is brought up to date by whoever starts first, PostgreSQL by its operator."""

from functools import partial
from typing import Any

from pyramid.config import Configurator

from mlserve.application import Application
from mlserve.db import migrate
from mlserve.db.engine import open_database
from mlserve.errors import ConfigurationError, DatabaseUnavailable
from mlserve.observability.health import Degraded


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    application.health.add("database", partial(_check, application))
    application.at_start(partial(_open, application))


def _open(application: Application) -> None:
    application.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = application.settings["mlserve.database.url"]
    database = open_database(url, application.settings["mlserve.database.timeout"])
    application.database = database
    application.at_stop(database.close)
    if database.dialect == "sqlite":
        migrate.upgrade(url, application.migrations)
        return
    try:
        current = migrate.is_current(database, application.migrations)
    except DatabaseUnavailable:
        return  # The models decide whether this host can start without it.
    if not current:
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
