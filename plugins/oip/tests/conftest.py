"""One application for the tests that leave it as it was."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlserve.testing import Served, serving

# The folder of a plugin's tests is no package.
sys.path.insert(0, str(Path(__file__).parent))

from oip_requests import settings


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(settings(tmp_path_factory.mktemp("oip"))) as served:
        yield served
