"""What every verb does first: read the INI, and build the application without starting it."""

import configparser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import plaster

from mlserve.application import Application
from mlserve.errors import ConfigurationError, MlserveError
from mlserve.startup import build, one_sentence

RIGHT_NAME = "egg:pyramid-mlserve"

ini_argument = click.argument("ini", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def app_settings(ini: Path) -> dict[str, str]:
    """The keys of `[app:main]`. Raises ConfigurationError where it is missing, unreadable or another application's."""
    loader = plaster.get_loader(str(ini), protocols=["wsgi"])
    try:
        if "app:main" not in loader.get_sections():
            raise ConfigurationError(f"{ini} has no section [app:main].")
        settings = dict(loader.get_settings("app:main"))
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigurationError(f"{ini} cannot be read as an INI: {reason}.") from error
    use = settings.pop("use", "")
    if use.partition("#")[0] != RIGHT_NAME:
        why = " (the name mlserve belongs to another project)" if use.partition("#")[0] == "egg:mlserve" else ""
        raise ConfigurationError(f"[app:main] of {ini} says use = {use}{why}: write use = {RIGHT_NAME}.")
    return settings


@contextmanager
def built(ini: Path) -> Iterator[Application]:
    """The application of an INI, not started: nothing is opened, no model is loaded.

    What a verb then does with it fails in one sentence too.
    """
    with one_sentence():
        settings = app_settings(ini)
        config = build(settings, here=str(ini.absolute().parent))
        application: Application = config.registry.mlserve
    try:
        yield application
    except MlserveError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def started(ini: Path) -> Iterator[Application]:
    """The application of an INI, started as a server would, and stopped in order at the end."""
    with built(ini) as application:
        with one_sentence():
            application.start()
        try:
            yield application
        finally:
            application.stop()
