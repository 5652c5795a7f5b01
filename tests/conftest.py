"""Fixtures that many tests share: a fresh, migrated database, on SQLite and on a real PostgreSQL."""

import gc
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text

from mlserve.auth import passwords
from mlserve.db import migrate
from mlserve.db.engine import Database, open_database
from tests.functional.postgres import own_postgres
from tests.installed import remember_entry_points

# Enough to find what is wrong in a run of all, and the same examples each time: a change is judged by what it changes.
# HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("suite", max_examples=40, derandomize=True)
settings.register_profile("explore", max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Applications are built and dropped by the thousand; by default it would look after every 700 objects.
gc.set_threshold(10_000, 20, 20)
remember_entry_points()


# Of a test with so many sets of parameters or more, a run of the whole suite takes every fifth, and the last.
MANY, TAKEN = 4, 5


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Files with a slow test begin first, and unit tests come last: a long file at the end keeps the run waiting."""
    if not config.option.file_or_dir:
        for item in thinned(items):
            item.add_marker(pytest.mark.exhaustive)
    yield  # -m takes out what is not to run.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, "unit" in item.path.parts))


def thinned(items: list[pytest.Item]) -> list[pytest.Item]:
    """Those of many alike that `make exhaustive` adds."""
    alike: dict[str, list[pytest.Item]] = {}
    for item in items:
        if hasattr(item, "callspec"):
            alike.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return [item for sets in alike.values() if len(sets) >= MANY for at, item in enumerate(sets[:-1]) if at % TAKEN]


def pytest_collection_finish() -> None:
    """What is imported by now stays: else the collector looks through all of it again and again, while tests run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _cheap_passwords(request: pytest.FixtureRequest) -> Iterator[None]:
    """A quarter of a second of processor time less for each; `test_passwords.py` says what a real one costs."""
    if request.path.name == "test_passwords.py":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "PasswordHasher", partial(PasswordHasher, time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server for the session: TEST_DATABASE_URL, or the one that comes by pip, started here."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with own_postgres(tmp_path_factory.mktemp("postgresql"), tmp_path_factory.mktemp("run")) as server:
        # With hundreds of databases, each of a test's life, its vacuum would start many processes a second.
        off = "".join(f"ALTER SYSTEM SET {name} = off;" for name in ("fsync", "full_page_writes", "autovacuum"))
        server.execute(f"{off} SELECT pg_reload_conf();")
        yield server.url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """A migrated database that is only copied from; its URL."""
    migrate.upgrade(url := new_postgres_database(postgres_url))
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file of SQLite."""
    migrate.upgrade(f"sqlite:///{(path := tmp_path_factory.mktemp('sqlite') / 'mlserve.db')}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of the test's own, with all tables."""
    if request.param == "postgresql":
        template = make_url(request.getfixturevalue("postgres_template")).database
        return new_postgres_database(request.getfixturevalue("postgres_url"), template)
    shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "mlserve.db")
    return f"sqlite:///{tmp_path}/mlserve.db"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """That database, opened."""
    yield (opened := open_database(database_url))
    opened.close()


def new_postgres_database(server: str, template: str | None = None) -> str:
    """Makes a database, empty or a copy; its URL. It goes with the server."""
    url, name = make_url(server), f"test_{uuid4().hex}"
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else "")))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)
