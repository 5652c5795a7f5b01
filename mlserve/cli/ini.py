"""What every verb does first: read the INI, and build the application without starting it."""

import configparser
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import click
import plaster
from pyramid.config import Configurator

from mlserve.application import Application
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import ConfigurationError, DatabaseUnavailable, MlserveError
from mlserve.ini_file import open_ini
from mlserve.observability.logging import ColumnsFormatter
from mlserve.part import Part
from mlserve.startup import build, one_sentence

RIGHT_NAME = "egg:pyramid-mlserve"
RIGHT_SERVER = f"{RIGHT_NAME}#waitress"
_SERVERS = "paste.server_runner"
_HOST = re.compile(r"[\w.:*\[\]-]+").fullmatch  # also *, and IPv6 in brackets
_PORT = re.compile(r"[0-9]{1,5}").fullmatch


class _Ini(click.Path):
    """The path of an INI; whoever gives a URL is told that this verb takes none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" in str(value):
            self.fail("this verb takes the INI of a server, on its host, and no URL.", param, ctx)
        return super().convert(value, param, ctx)


_INI = _Ini(exists=True, dir_okay=False, path_type=Path)
ini_argument = click.argument("ini", type=_INI)
optional_ini_argument = click.argument("ini", type=_INI, required=False)


def app_settings(ini: Path) -> dict[str, str]:
    """The keys of `[app:main]`. Raises ConfigurationError where it is missing, unreadable or another application's."""
    settings = _section(ini, "app:main")
    use = settings.pop("use", "")
    if use.partition("#")[0] != RIGHT_NAME:
        why = " (the name mlserve belongs to another project)" if use.partition("#")[0] == "egg:mlserve" else ""
        raise ConfigurationError(f"[app:main] of {ini} says use = {use}{why}: write use = {RIGHT_NAME}.")
    return settings


def refuse_server(ini: Path, name: str = "main") -> None:
    """Refuse a `[server:NAME]` that pserve could not serve with. Raises ConfigurationError naming the key."""
    settings = _section(ini, f"server:{name}")
    host, port = settings.get("host"), settings.get("port")
    if host is not None and not _HOST(host):
        raise ConfigurationError(
            f"host of [server:{name}] in {ini} is {host!r}: write a name or an address, such as 127.0.0.1."
        )
    if port is not None and not (_PORT(port) and int(port) < 2**16):
        raise ConfigurationError(
            f"port of [server:{name}] in {ini} is {port!r}: write a whole number from 0 to 65535, such as 6543."
        )
    _resolve_server(ini, name, settings.get("use", ""))


def _resolve_server(ini: Path, name: str, use: str) -> None:
    """Find the server as pserve would; one that came with an update is found when the package is installed again."""
    if not use:
        raise ConfigurationError(f"[server:{name}] of {ini} does not say which server: write use = {RIGHT_SERVER}.")
    try:
        open_ini(str(ini)).get_wsgi_server(name)
    except (LookupError, ImportError) as error:
        ours = use.partition("#")[0] == RIGHT_NAME
        what_to_do = (
            f"{_near(use)}after an update of a clone run make demo, or pip install -e plugins/client -e ."
            if ours
            else f"install it, or write use = {RIGHT_SERVER}."
        )
        raise ConfigurationError(
            f"[server:{name}] of {ini} says use = {use}, which is not installed here: {what_to_do}"
        ) from error


def _near(use: str) -> str:
    """Asks for the nearest of our servers, where `use` names none of them."""
    known = {found.name for found in distribution(RIGHT_NAME.removeprefix("egg:")).entry_points.select(group=_SERVERS)}
    name = use.partition("#")[2]
    near = [] if name in known else get_close_matches(name, known, 1)
    return f"did you mean use = {RIGHT_NAME}#{near[0]}? Else, " if near else ""


def _section(ini: Path, name: str) -> dict[str, str]:
    try:
        loader = open_ini(str(ini))
        if name not in loader.get_sections():
            raise ConfigurationError(f"{ini} has no section [{name}].")
        return dict(loader.get_settings(name))
    except plaster.PlasterError as error:
        raise ConfigurationError(f"{ini} is not an INI: give a file that ends in .ini.") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigurationError(f"{ini} cannot be read as an INI: {reason}.") from error


@contextmanager
def built(ini: Path) -> Iterator[Application]:
    """The application of an INI, not started: nothing is opened, no model is loaded.

    What a verb then does with it fails in one sentence too.
    """
    application: Application = configured(ini).registry.mlserve
    try:
        yield application
    except DatabaseUnavailable as error:
        upgrade = " Run `mlserve db upgrade` with this INI." if _lacks_tables(application) else ""
        raise click.ClickException(f"{error}{upgrade}") from None
    except MlserveError as error:
        raise click.ClickException(str(error)) from None


def _lacks_tables(application: Application) -> bool:
    """Whether the database can be reached, and the migrations have not run."""
    from mlserve.db import migrate  # Alembic, which takes a while, only after a failure.

    try:
        with opened_by_operator(application) as database:
            return not migrate.is_current(database, application.migrations)
    except DatabaseUnavailable:
        return False


def configured(ini: Path, environ: Mapping[str, str] | None = None) -> Configurator:
    """The Configurator of an INI's application; a mistake ends the process with one sentence.

    `environ` overrides the INI; it is the process's own unless given.
    """
    with one_sentence():
        return build(app_settings(ini), here=str(ini.absolute().parent), environ=environ, part=Part.COMMAND)


def surroundings(ini: Path | None, plugins: Sequence[str]) -> Application | None:
    """The application of an INI for a verb that works without one too, and then with `plugins`; None without an INI."""
    if ini is None:
        return None
    if plugins:
        raise click.UsageError("Say either --ini or --plugin: the plugins are those of the INI.")
    application: Application = configured(ini).registry.mlserve
    return application


@contextmanager
def _warnings_told() -> Iterator[None]:
    """The log's warnings with their fields, where nobody else reads it: Python's own way shows their names alone."""
    handler, ours = logging.StreamHandler(), logging.getLogger("mlserve")
    if ours.hasHandlers():
        yield
        return
    handler.setFormatter(ColumnsFormatter())
    handler.setLevel(logging.WARNING)
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)


@contextmanager
def started(ini: Path) -> Iterator[Application]:
    """The application of an INI, started as a server would, and stopped in order at the end.

    It serves nobody: among the processes of the host, it is none that metrics tell of. What it warns of is told on
    standard error, for people.
    """
    with built(ini) as application, _warnings_told():
        with one_sentence():
            application.start()
        try:
            yield application
        finally:
            application.stop()
