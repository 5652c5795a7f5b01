"""An application of this process behind a real socket."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from webtest.http import StopableWSGIServer


@contextmanager
def listening(wsgi: Any) -> Iterator[str]:
    """The URL of an application of this process, which listens."""
    waitress = logging.getLogger("waitress")
    level = waitress.level
    server = StopableWSGIServer.create(wsgi)
    try:
        yield server.application_url.rstrip("/")
    finally:
        server.shutdown()
        waitress.setLevel(level)  # webtest silences it, for all tests that follow.
