"""`mlserve check`: would this INI start?"""

from pathlib import Path

import click

from mlserve.auth.exposure import refuse_open_ini
from mlserve.cli.ini import built, ini_argument, refuse_server
from mlserve.db.wiring import examine_database
from mlserve.errors import DatabaseUnavailable
from mlserve.registry.declared import examine
from mlserve.startup import one_sentence
from mlserve.webhooks.declared import declared
from mlserve.webhooks.signing import read_signer


@click.command()
@ini_argument
def check(ini: Path) -> None:
    """Check an INI without serving.

    Checked are settings, plugins, the declared models, the secrets of webhooks, [server:main], and the tables of a
    PostgreSQL database. It says what the server would say, and leaves nothing behind.
    """
    with built(ini) as application, one_sentence():
        refuse_server(ini)
        refuse_open_ini(application.settings, {"__file__": str(ini.absolute()), "here": str(ini.absolute().parent)})
        for name, path in application.settings.models.items():
            examine(application, name, path)
        for hook in declared(application.settings):
            read_signer(hook.secret, hook.secret_key)
        try:
            examine_database(application)
        except DatabaseUnavailable as error:
            # A server that has served these models before starts all the same.
            click.echo(f"The database of mlserve.database.url cannot be checked now: {error}", err=True)
    models = ", ".join(application.settings.models)
    served = f"models {models}." if models else "no model is declared: add mlserve.models.NAME = path."
    click.echo(f"{ini} is well: plugins {', '.join(application.plugins) or 'none'}; {served}")
