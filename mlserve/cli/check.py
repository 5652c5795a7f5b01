"""`mlserve check`: would this INI start?"""

from pathlib import Path
from typing import Any

import click
from paste.deploy import loadwsgi
from sqlalchemy import make_url
from waitress import serve_paste

from mlserve.application import Application
from mlserve.auth.exposure import refuse_open, refuse_open_ini
from mlserve.cli.ini import built, ini_argument, refuse_server
from mlserve.db.wiring import examine_database, opened_by_operator
from mlserve.errors import ConfigurationError, DatabaseUnavailable
from mlserve.ini_file import open_ini
from mlserve.names import CHAMPION
from mlserve.registry.declared import examine
from mlserve.registry.setting_checks import registered, told
from mlserve.server import serve
from mlserve.server.runner import adjustments
from mlserve.server.workers.installed import refuse_without_granian
from mlserve.server.workers.section import section_of, settings_if_ours
from mlserve.startup import one_sentence
from mlserve.webhooks.declared import declared
from mlserve.webhooks.signing import read_signer


@click.command()
@ini_argument
def check(ini: Path) -> None:
    """Check an INI without serving.

    Checked are settings, plugins, the declared models, the secrets of webhooks, [server:main] and [server:workers],
    and the tables of a PostgreSQL database. It says what the server would say, and leaves nothing behind.
    """
    deployed: list[str] = []
    known: dict[str, dict[str, Any]] = {}
    with built(ini) as application, one_sentence():
        _refuse_servers(ini)
        _refuse_faults(application)
        _refuse_open_servers(ini, application)
        declares = {name: examine(application, name, path) for name, path in application.settings.models.items()}
        for hook in declared(application.settings):
            read_signer(hook.secret, hook.secret_key)
        try:
            examine_database(application)
            known = _registered(application)
            deployed = [name for name in known if name not in declares]
        except DatabaseUnavailable as error:
            # A server that has served these models before starts all the same.
            click.echo(f"The database of mlserve.database.url cannot be checked now: {error}", err=True)
        for name, signature in declares.items():
            known[name] = {**known.get(name, {}), CHAMPION: signature}
        for sentence in told(application, known):
            # No mistake for certain: the model may be deployed yet, and the server starts without it.
            click.echo(sentence, err=True)
    models = ", ".join(application.settings.models)
    served = f"models {models}" if models else "no model is declared"
    if deployed:
        served += f"; of the registry {', '.join(deployed)}"
    elif not models:
        served += ": add mlserve.models.NAME = path, or mlserve deploy one"
    click.echo(f"{ini} is well: plugins {', '.join(application.plugins) or 'none'}; {served}.")


def _refuse_servers(ini: Path) -> None:
    """Raises ConfigurationError for what `pserve` and `mlserve serve` would refuse of a server's section."""
    sections = open_ini(str(ini)).get_sections()
    if "server:main" in sections or "server:workers" not in sections:
        refuse_server(ini)
        _refuse_waitress(ini)
    if "server:workers" in sections:
        refuse_server(ini, "workers")
        if settings_if_ours(str(ini), "workers") is not None:
            refuse_without_granian("workers")


def _refuse_waitress(ini: Path) -> None:
    """Raises ConfigurationError where [server:main] is waitress, and has a key or a value that is not for it."""
    context = loadwsgi.loadcontext(loadwsgi.SERVER, f"config:{ini.absolute()}", name="main")
    if context.object in (serve, serve_paste):
        # A name of a host may be known only where it is served.
        adjustments({key: value for key, value in context.local_conf.items() if key != "host"})


def _refuse_open_servers(ini: Path, application: Application) -> None:
    """Raises ConfigurationError where other hosts could call without a key."""
    refuse_open_ini(application.settings, {"__file__": str(ini.absolute()), "here": str(ini.absolute().parent)})
    if "server:workers" in open_ini(str(ini)).get_sections() and settings_if_ours(str(ini), "workers") is not None:
        refuse_open(application.settings, section_of(str(ini), "workers").hosts, "server:workers")


def _refuse_faults(application: Application) -> None:
    """A server starts without a plugin that fails, and that is no way to be well. Raises ConfigurationError."""
    if application.faults:
        told = " ".join(f"mlserve.plugins names {fault.plugin!r}, whose {fault.reason}" for fault in application.faults)
        raise ConfigurationError(told)


def _registered(application: Application) -> dict[str, dict[str, Any]]:
    """Signatures of the models that are registered, by alias. A database that is still to be made has none."""
    url = make_url(application.settings["mlserve.database.url"])
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return {}
    with opened_by_operator(application) as database, database.read() as connection:
        return registered(connection)
