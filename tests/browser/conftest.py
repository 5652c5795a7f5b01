"""One server and one browser for all tests of a worker; each test has a window of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from mlserve.testing import settings_of
from tests.browser.browsing import Visit, chromium
from tests.browser.models import delay_model, hostile_model, hostile_names
from tests.factories import linear_model
from tests.functional.servers import Server, served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`pserve` in a process of its own, with the models of models.py and `line`."""
    folder: Path = tmp_path_factory.mktemp("browser")
    models = {
        "delay": delay_model(folder),
        "hostile": hostile_model(folder),
        "names": hostile_names(folder),
        "line": linear_model(folder),
    }
    settings = settings_of(folder, plugins="mlserve_linear, xgboost", models=models)
    with served(folder / "browser.ini", settings) as server:
        yield server


@pytest.fixture(scope="session")
def origin(server: Server) -> str:
    host, port = server.address
    return f"http://{host}:{port}"


@pytest.fixture
def visit(browser: Browser, origin: str) -> Iterator[Callable[..., Visit]]:
    """Opens windows, with the options of a Playwright context; each is checked at the end of the test."""
    visits: list[Visit] = []

    def open_window(**options: Any) -> Visit:
        visits.append(Visit(browser, origin, **options))
        return visits[-1]

    yield open_window
    for made in visits:
        made.close()
    for made in visits:
        made.assert_clean()


@pytest.fixture
def page(visit: Callable[..., Visit]) -> Page:
    """A wide window in which scripts run."""
    return visit().page
