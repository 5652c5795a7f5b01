"""From an INI to a running application: built anywhere, started only in the process that answers requests."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationExecutionError
from pyramid.settings import aslist

from mlserve.application import Application
from mlserve.errors import ConfigurationError, MlserveError
from mlserve.part import Part
from mlserve.plugins import refuse_in_pyramid_includes
from mlserve.settings import read_settings
from mlserve.types import ATTRIBUTES, Request

# Pyramid's own commands build the application to look at it, not to serve it.
LOOKING = ("proutes", "pviews", "ptweens", "pshell", "pdistreport")


@dataclass(frozen=True)
class _Alone:
    """How `build` puts an application together that is mlserve alone."""

    environ: Mapping[str, str]
    part: Part


def build(
    settings: dict[str, str], *, here: str | None, environ: Mapping[str, str] | None = None, part: Part = Part.SERVER
) -> Configurator:
    """A committed Configurator of an application that is mlserve alone; nothing is opened or started yet.

    `environ` overrides the settings; it is the process's own unless given. `part` is what this
    process is to do of its work.
    """
    settings = {**settings, **({"here": here} if here else {})}
    refuse_in_pyramid_includes(aslist(settings.get("pyramid.includes", "")))
    config = Configurator(settings=settings, request_factory=Request)
    config.registry.mlserve_alone = _Alone(os.environ if environ is None else environ, part)
    config.include("mlserve")
    config.commit()
    return config


def includeme(config: Configurator) -> None:
    raw = application_settings(config.registry.settings)
    here = raw.get("here")
    alone: _Alone | None = getattr(config.registry, "mlserve_alone", None)
    settings = read_settings(raw, alone.environ if alone else os.environ, Path(here) if here else None)
    config.registry.mlserve = Application(
        settings,
        route_prefix=config.route_prefix or "",
        alone=alone is not None,
        part=alone.part if alone else Part.SERVER,
    )
    if alone is None:
        for name in ATTRIBUTES:
            config.add_request_method(getattr(Request, name).wrapped, name, reify=True)


def application_settings(settings: Mapping[str, Any]) -> dict[str, str]:
    """Pyramid's settings as an INI would hold them: a Configurator can be given numbers and paths for our keys too.

    Raises ConfigurationError naming a key of ours whose value has no such text.
    """
    ours = {key: value for key, value in settings.items() if key.startswith("mlserve.") or key == "here"}
    theirs = {key: value for key, value in settings.items() if key not in ours and isinstance(value, str)}
    return {**theirs, **{key: _text_of(key, value) for key, value in ours.items()}}


def _text_of(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float | Path):
        return str(value)
    raise ConfigurationError(
        f"{key} is {value!r}, of the type {type(value).__name__}: write text as in an INI, a number, a bool or a Path."
    )


def start(application: Application) -> None:
    """Start in this process, and see to it that it stops in order on SIGTERM and SIGHUP too.

    Waitress by itself would be killed in the middle of an answer. One process cannot read its INI again without a
    pause, so SIGHUP ends it as SIGTERM does, for its supervisor to start it again.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _leave)
    application.start()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def looks_only(global_config: dict[str, str]) -> bool:
    """Whether one of Pyramid's commands builds the application only to look at it."""
    return global_config.get("__script__") in LOOKING


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn a start-up mistake into the end of the process with one sentence and exit status 1."""
    try:
        yield
    except MlserveError as error:
        raise SystemExit(f"mlserve cannot start: {error}") from None
    except ConfigurationExecutionError as error:
        if not isinstance(error.evalue, MlserveError):
            raise
        raise SystemExit(f"mlserve cannot start: {error.evalue}") from None
    except ConfigurationConflictError as error:
        raise SystemExit(f"mlserve cannot start: two parts of it claim the same name.\n{error}") from None
