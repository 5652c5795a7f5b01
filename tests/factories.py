"""Builders for tests: model files and whole applications."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from webtest import TestApp

from mlserve.application import Application
from mlserve.startup import build


class Served(TestApp):
    """A started application with WebTest's client in front of it."""

    def __init__(self, wsgi: Any, application: Application) -> None:
        super().__init__(wsgi)
        self.application = application

    def predict(self, model: str, instances: Any, status: int = 200, **envelope: Any) -> Any:
        url = f"/api/v1/models/{model}/predictions"
        return self.post_json(url, {"instances": instances, **envelope}, status=status)


def linear_model(folder: Path, name: str = "line", intercept: float = 1.0, **coefficients: float) -> Path:
    """A model file of the test family `linear`."""
    path = folder / f"{name}.linear"
    path.write_text(json.dumps({"intercept": intercept, "coefficients": coefficients or {"x": 2.0, "y": -1.0}}))
    return path


def settings_of(folder: Path, *, models: dict[str, Path], **settings: str) -> dict[str, str]:
    """INI keys of an application in `folder`; keyword `log__way` means `mlserve.log.way`."""
    return {
        "mlserve.plugins": "mlserve_linear",
        "mlserve.var": str(folder / "var"),
        **{f"mlserve.models.{name}": str(path) for name, path in models.items()},
        **{f"mlserve.{key.replace('__', '.')}": value for key, value in settings.items()},
    }


@contextmanager
def serving(settings: dict[str, str], configure: Callable[[Configurator], None] | None = None) -> Iterator[Served]:
    """The real application on these settings, started, and stopped at the end."""
    config = build(settings, here=None)
    if configure is not None:
        configure(config)
    wsgi = config.make_wsgi_app()
    application = config.registry.mlserve
    application.start()
    try:
        yield Served(wsgi, application)
    finally:
        application.stop()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another thread or process brings about; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about in time")
        time.sleep(0.01)
