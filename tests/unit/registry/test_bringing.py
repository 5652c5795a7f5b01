"""Registering a bundle while others collect what no version uses: no version lacks its bundle."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from mlserve_linear.family import LinearFamily
from sqlalchemy import text

from mlserve.bundles import BundleStore, Manifest
from mlserve.cli.bundles import still_unused
from mlserve.db.engine import Database, open_database
from mlserve.errors import StoreUnavailable
from mlserve.registry import service
from mlserve.registry.bringing import pack_artefact, register_kept
from tests.factories import linear_model, until


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path / "bundles")


@pytest.fixture
def manifest(tmp_path: Path, store: BundleStore) -> Manifest:
    return pack_artefact(LinearFamily(), linear_model(tmp_path), store)


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """Another process's way to the same database."""
    opened = open_database(database_url, timeout=30)
    yield opened
    opened.close()


def numbers(database: Database) -> list[int]:
    with database.read() as connection:
        return [row["number"] for row in service.versions(connection, "line")]


def until_waited_for(database: Database) -> None:
    """Until somebody waits for a lock; SQLite does not tell, and there nobody gets past the writer."""
    if database.dialect == "postgresql":
        with database.read() as connection:
            until(lambda: bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))))


def test_what_is_collected_meanwhile_is_not_registered(
    database: Database, other: Database, store: BundleStore, manifest: Manifest
) -> None:
    def registering() -> int:
        with other.write() as connection:
            return register_kept(connection, "line", manifest, store)

    with ThreadPoolExecutor(1) as pool:

        @contextmanager
        def unused(digest: str) -> Iterator[bool]:
            with still_unused([database], digest) as is_unused:
                asked.append(pool.submit(registering))
                until_waited_for(database)
                yield is_unused

        asked: list[Future[int]] = []
        assert store.collect([], older_than=-1, unused=unused) == [manifest.digest]
        with pytest.raises(StoreUnavailable, match="was removed from the store while it was registered: try again"):
            asked[0].result(30)
    assert numbers(database) == []


def test_what_is_registered_meanwhile_is_not_collected(
    database: Database, other: Database, store: BundleStore, manifest: Manifest
) -> None:
    """Its digest was not yet among those that versions use when the list of them was read."""
    with ThreadPoolExecutor(1) as pool:
        with other.write() as connection:
            assert register_kept(connection, "line", manifest, store) == 1
            unused = partial(still_unused, [database])
            collecting = pool.submit(store.collect, [], older_than=-1, unused=unused)
            until_waited_for(database)
        assert collecting.result(30) == []
    assert numbers(database) == [1]
    assert store.open(manifest.digest).digest == manifest.digest


def test_what_was_put_there_again_meanwhile_is_not_collected(
    database: Database, store: BundleStore, manifest: Manifest
) -> None:
    @contextmanager
    def unused(digest: str) -> Iterator[bool]:
        with still_unused([database], digest) as is_unused:
            store.put(manifest, {manifest.artefact: store.open(digest).artefact})
            yield is_unused

    os.utime(store.root / manifest.digest, (0, 0))
    assert store.collect([], unused=unused) == []
    assert store.has(manifest.digest)


def test_a_known_version_needs_no_store(database: Database, store: BundleStore, manifest: Manifest) -> None:
    """So that a host starts while the store is away."""
    with database.write() as connection:
        assert register_kept(connection, "line", manifest, store) == 1
    store.collect([], older_than=-1)
    with database.write() as connection:
        assert register_kept(connection, "line", manifest, store) == 1
