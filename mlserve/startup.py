"""From an INI to a running application: built anywhere, started only in the process that answers requests."""

import atexit
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pyramid.config import PHASE3_CONFIG, Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationExecutionError
from pyramid.settings import aslist

from mlserve.application import Application, application_settings
from mlserve.errors import MlserveError
from mlserve.plugins import refuse_in_pyramid_includes
from mlserve.settings import read_settings
from mlserve.types import ATTRIBUTES, Request

# Pyramid's own commands build the application to look at it, not to serve it.
LOOKING = ("proutes", "pviews", "ptweens", "pshell", "pdistreport")


def build(settings: dict[str, str], *, here: str | None) -> Configurator:
    """A committed Configurator of an application that is mlserve alone; nothing is opened or started yet."""
    settings = {**settings, **({"here": here} if here else {})}
    refuse_in_pyramid_includes(aslist(settings.get("pyramid.includes", "")))
    config = Configurator(settings=settings, request_factory=Request)
    config.registry.mlserve_alone = True
    config.include("mlserve")
    config.commit()
    return config


def includeme(config: Configurator) -> None:
    raw = application_settings(config)
    here = raw.get("here")
    settings = read_settings(raw, os.environ, Path(here) if here else None)
    alone = getattr(config.registry, "mlserve_alone", False)
    application = Application(settings, route_prefix=config.route_prefix or "", alone=alone)
    config.registry.mlserve = application
    if not alone:
        for name in ATTRIBUTES:
            config.add_request_method(getattr(Request, name).wrapped, name, reify=True)
        config.action("mlserve.start", application.start, order=PHASE3_CONFIG + 1)


def start(application: Application) -> None:
    """Start in this process, and see to it that it stops in order: on SIGTERM, and at its normal end."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)  # Waitress by itself would be killed in the middle of an answer.
    application.start()
    atexit.register(application.stop)
    application.at_stop(lambda: atexit.unregister(application.stop))


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
