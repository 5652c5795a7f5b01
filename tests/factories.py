"""Builders for tests: model files and whole applications."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pyramid.config import Configurator

from mlserve import testing
from mlserve.application import Application
from mlserve.db import migrate
from mlserve.testing import Served

__all__ = ["Served", "linear_model", "serving", "settings_of", "until"]


def linear_model(
    folder: Path, name: str = "line", intercept: float = 1.0, explanation: str = "well", **coefficients: float
) -> Path:
    """A model file of the test family `linear`; `explanation` is how it explains itself."""
    path = folder / f"{name}.linear"
    content = {"intercept": intercept, "coefficients": coefficients or {"x": 2.0, "y": -1.0}}
    path.write_text(json.dumps(content | ({} if explanation == "well" else {"explanation": explanation})))
    return path


def settings_of(folder: Path, *, models: dict[str, Path], **settings: str) -> dict[str, str]:
    """INI keys of an application in `folder`, of linear models; keyword `log__way` means `mlserve.log.way`."""
    return testing.settings_of(folder, plugins="mlserve_linear", models=models, **settings)


def serving(
    settings: Mapping[str, str], configure: Callable[[Configurator], None] | None = None
) -> AbstractContextManager[Served]:
    """As `mlserve.testing.serving`, in a new folder with the core's tables in place: migrating anew takes longer."""

    def prepare(config: Configurator) -> None:
        _put_tables(config.registry.mlserve)
        if configure is not None:
            configure(config)

    return testing.serving(settings, prepare)


def _put_tables(application: Application) -> None:
    path = application.var / "mlserve.db"
    if application.settings["mlserve.database.url"] != f"sqlite:///{path}" or path.exists():
        return
    with suppress(OSError):  # The start says what is wrong with the folder.
        application.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    """The file of an empty SQLite database with the core's tables."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mlserve.db"
        migrate.upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another thread or process brings about; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about in time")
        time.sleep(0.01)
