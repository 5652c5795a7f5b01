"""A real application for a test, with WebTest's client in front of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from webtest import TestApp

from mlserve.application import Application
from mlserve.startup import build


class Served(TestApp):
    """A started application: WebTest's client, and the `application` behind it."""

    def __init__(self, wsgi: Any, application: Application) -> None:
        super().__init__(wsgi)
        self.application = application

    def predict(self, model: str, instances: Any, status: Any = 200, **envelope: Any) -> Any:
        """The answer to these instances; `envelope` is what stands beside them, such as `reference`."""
        url = f"/api/v1/models/{model}/predictions"
        return self.post_json(url, {"instances": instances, **envelope}, status=status)


def settings_of(folder: Path, *, plugins: str, models: Mapping[str, Path], **settings: str) -> dict[str, str]:
    """INI keys of an application that keeps everything in `folder`; keyword `log__way` means `mlserve.log.way`."""
    return {
        "mlserve.plugins": plugins,
        "mlserve.var": str(folder / "var"),
        **{f"mlserve.models.{name}": str(path) for name, path in models.items()},
        **{f"mlserve.{key.replace('__', '.')}": value for key, value in settings.items()},
    }


@contextmanager
def serving(settings: Mapping[str, str], configure: Callable[[Configurator], None] | None = None) -> Iterator[Served]:
    """The real application on these INI keys, started, and stopped at the end.

    `configure(config)` may add to it before it starts. Raises ConfigurationError as a server's start does.
    """
    config = build(dict(settings), here=None)
    if configure is not None:
        configure(config)
    wsgi = config.make_wsgi_app()
    application = config.registry.mlserve
    application.start()
    try:
        yield Served(wsgi, application)
    finally:
        application.stop()
