"""Whether a database is at the last revision, found without Alembic: each process of a server asks at its start, the
answer is nearly always yes, and Alembic is a seventh of such a process's memory.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import column, inspect, select, table

from mlserve.db.engine import Database
from mlserve.errors import DatabaseUnavailable

CORE = "mlserve.db.migrations:versions"
VERSION_TABLE = "mlserve_alembic_version"
VERSIONS = table(VERSION_TABLE, column("version_num"))

_REVISION = re.compile(r'^revision = "([^"]+)"$', re.MULTILINE)
_STANDS_ON = re.compile(r'^down_revision = (?:None|"([^"]+)")$', re.MULTILINE)


def is_at_last(database: Database, locations: Sequence[str]) -> bool:
    """Whether it is at the last revision of the core and of each location, and at no other.

    False too where only Alembic can tell: the database or the files are not as they usually are.
    """
    wanted: set[str] = set()
    for location in (CORE, *locations):
        heads = _last_of(location)
        if not heads:
            return False
        wanted |= heads
    with suppress(DatabaseUnavailable), database.read() as connection:
        if inspect(connection).has_table(VERSION_TABLE):
            return set(connection.scalars(select(VERSIONS.c.version_num))) == wanted
    return False


def _last_of(location: str) -> set[str]:
    """The revisions of `package:folder` that no other one there stands on; none where that cannot be read off."""
    package, _, folder = location.partition(":")
    spec = find_spec(package)
    revisions: set[str] = set()
    stood_on: set[str] = set()
    for root in (spec.submodule_search_locations or []) if spec else []:
        for path in (Path(root) / folder).glob("[!_]*.py"):
            text = path.read_text(encoding="utf-8")
            revision, under = _REVISION.search(text), _STANDS_ON.search(text)
            if revision is None or under is None:
                return set()
            revisions.add(revision[1])
            stood_on.add(under[1])
    return revisions - stood_on
