"""`mlserve serve`: the server of an INI, without building its application first."""

import configparser
from pathlib import Path
from typing import Any

import click
import plaster

from mlserve.errors import ConfigurationError
from mlserve.ini_file import open_ini
from mlserve.server.workers.installed import refuse_without_granian
from mlserve.server.workers.section import settings_if_ours


@click.command()
@click.argument("ini", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--server-name", metavar="NAME", help="The section [server:NAME]; workers where there is one, else main.")
def serve(ini: Path, server_name: str | None) -> None:
    """Serve an INI's models until a signal: SIGTERM ends it in order, SIGHUP reloads code and INI.

    With `[server:workers]` several processes answer, and one beside them ships what they have kept.
    """
    try:
        loader, name = _section(ini, server_name)
        if settings_if_ours(str(ini), name) is None:
            _serve_alone(ini, loader, name)
            return
        refuse_without_granian(name)
        loader.setup_logging()
        # It imports no web framework, and so nothing before it does.
        from mlserve.server.workers.supervisor import supervise

        status = supervise(ini, name)
    except ConfigurationError as error:
        raise SystemExit(f"mlserve cannot start: {error}") from None
    raise SystemExit(status)


def _section(ini: Path, asked: str | None) -> tuple[Any, str]:
    """The INI's loader, and the name of its server. Raises ConfigurationError."""
    try:
        loader = open_ini(str(ini))
        sections = loader.get_sections()
    except plaster.PlasterError as error:
        raise ConfigurationError(f"{ini} is not an INI: give a file that ends in .ini.") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigurationError(f"{ini} cannot be read as an INI: {reason}.") from error
    name = asked or ("workers" if "server:workers" in sections else "main")
    if f"server:{name}" not in sections:
        raise ConfigurationError(f"{ini} has no section [server:{name}].")
    return loader, name


def _serve_alone(ini: Path, loader: Any, name: str) -> None:
    """As pserve does. Raises ConfigurationError where the section names no server that is installed."""
    from pyramid.paster import get_app

    from mlserve.cli.ini import refuse_server

    refuse_server(ini, name)
    loader.setup_logging()
    serve_with = loader.get_wsgi_server(name)
    serve_with(get_app(str(ini)))
