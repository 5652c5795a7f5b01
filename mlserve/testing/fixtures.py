"""Fixtures for pytest. A conftest.py that wants them says so:

from mlserve.testing.fixtures import mlserve_app, mlserve_server, mlserve_settings

They are no entry point of pytest's: whoever only has mlserve installed runs their tests as if it were not there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mlserve.testing.application import Served, serving, settings_of
from mlserve.testing.server import RunningServer

__all__ = ["mlserve_app", "mlserve_server", "mlserve_settings"]


@pytest.fixture
def mlserve_settings(tmp_path: Path) -> Mapping[str, str]:
    """The INI keys of the other two, without a plugin or a model: a test that wants more has a fixture of this name."""
    return settings_of(tmp_path, plugins="", models={})


@pytest.fixture
def mlserve_app(mlserve_settings: Mapping[str, str]) -> Iterator[Served]:
    """A started application on the INI keys of `mlserve_settings`, as a client of WebTest."""
    with serving(mlserve_settings) as served:
        yield served


@pytest.fixture
def mlserve_server(mlserve_settings: Mapping[str, str], tmp_path: Path) -> Iterator[RunningServer]:
    """A server on these INI keys, in a process of its own, that listens on a real socket."""
    folder = tmp_path / "server"
    folder.mkdir()
    with RunningServer(folder, mlserve_settings) as server:
        yield server
