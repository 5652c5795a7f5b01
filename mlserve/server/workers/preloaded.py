"""Imports what every process of a server with workers imports sooner or later, for a template.

Beside what the worker and the background process name themselves, these are the parts that an application includes by
their names, and what it imports when it is started.
"""

import os
from pathlib import Path

import argon2  # noqa: F401
from paste.deploy import loadwsgi

import mlserve.api.cornice
import mlserve.api.health
import mlserve.api.last
import mlserve.api.openapi
import mlserve.api.shortcuts
import mlserve.auth.wiring
import mlserve.db.wiring
import mlserve.directives
import mlserve.observability.metrics.wiring
import mlserve.predictions.wiring
import mlserve.registry.wiring
import mlserve.webhooks.wiring  # noqa: F401
from mlserve.plugins import installed
from mlserve.server.workers.good_ini import folder_of
from mlserve.settings import read_settings
from mlserve.startup import application_settings

# The pages, and each module with parts of them that is included by its name.
_PAGES = [f"mlserve.dashboard.{name}" for name in ("routes", "static_files", "docs_page", "errors", "login")]


def also(ini: str) -> list[str]:
    """What the INI asks for: the database's driver, the pages, the plugins, and what `pyramid.includes` names.

    Nothing where the INI is wrong, which the processes that run it tell.
    """
    try:
        here = folder_of(ini)
        said = dict(loadwsgi.appconfig(f"config:{Path(ini).absolute()}", "main", global_conf={"here": here}))
        settings = read_settings(application_settings(said), os.environ, Path(here))
        points = installed()
    except Exception:
        return []
    plugins = [points[name].value if name in points else name for name in settings["mlserve.plugins"]]
    is_postgresql = settings["mlserve.database.url"].startswith("postgresql")
    driver = "mlserve.db.postgresql" if is_postgresql else "pysqlite3.dbapi2"
    pages = [*_PAGES, "pyramid_jinja2"] if settings["mlserve.dashboard.enabled"] else []
    return [driver, *pages, *plugins, *said.get("pyramid.includes", "").split()]
