"""`mlserve serve`: the server of an INI, without building its application first."""

from pathlib import Path
from typing import Any

import click

from mlserve.errors import ConfigurationError
from mlserve.ini_file import open_ini

_OURS = "egg:pyramid-mlserve#workers"


@click.command()
@click.argument("ini", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--server-name", metavar="NAME", help="The section [server:NAME]; workers where there is one, else main.")
def serve(ini: Path, server_name: str | None) -> None:
    """Serve an INI's models until a signal: SIGTERM ends it in order, SIGHUP reloads code and INI.

    With `[server:workers]` several processes answer, and one beside them ships what they have kept.
    """
    loader = open_ini(str(ini))
    name = server_name or ("workers" if "server:workers" in loader.get_sections() else "main")
    if f"server:{name}" not in loader.get_sections():
        raise click.ClickException(f"{ini} has no section [server:{name}].")
    loader.setup_logging()
    if dict(loader.get_settings(f"server:{name}")).get("use") != _OURS:
        _serve_alone(ini, loader, name)
        return
    from mlserve.server.workers.supervisor import supervise  # It imports no web framework, and so nothing here does.

    try:
        status = supervise(ini, name)
    except ConfigurationError as error:
        raise SystemExit(f"mlserve cannot start: {error}") from None
    raise SystemExit(status)


def _serve_alone(ini: Path, loader: Any, name: str) -> None:
    """As pserve does."""
    from pyramid.paster import get_app

    serve_with = loader.get_wsgi_server(name)
    serve_with(get_app(str(ini)))
