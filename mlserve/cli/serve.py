"""`mlserve serve`: the server of an INI, without building its application first."""

from pathlib import Path

import click

from mlserve.cli.ini import RIGHT_NAME, ini_argument
from mlserve.errors import ConfigurationError
from mlserve.ini_file import open_ini
from mlserve.startup import one_sentence

_OURS = f"{RIGHT_NAME}#workers"


@click.command()
@ini_argument
@click.option("--server-name", metavar="NAME", help="The section [server:NAME]; workers where there is one, else main.")
def serve(ini: Path, server_name: str | None) -> None:
    """Serve an INI's models until a signal: SIGTERM ends it in order, SIGHUP reloads code and INI.

    With `[server:workers]` several processes answer, and one beside them ships what they have kept.
    """
    from pyramid.paster import get_app, setup_logging

    with one_sentence():
        loader = open_ini(str(ini))
        sections = loader.get_sections()
        name = server_name or ("workers" if "server:workers" in sections else "main")
        if f"server:{name}" not in sections:
            raise ConfigurationError(f"{ini} has no section [server:{name}].")
        setup_logging(str(ini))
        if loader.get_settings(f"server:{name}").get("use") == _OURS:
            from mlserve.server.workers.supervisor import supervise

            raise SystemExit(supervise(ini, name))
    serve_with = loader.get_wsgi_server(name)
    serve_with(get_app(str(ini)))
