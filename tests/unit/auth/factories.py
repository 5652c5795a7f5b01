"""Callers for tests."""

from pathlib import Path

from mlserve.auth import keys
from mlserve.auth.directory import Directory
from mlserve.auth.key_text import read_key
from mlserve.auth.refusals import Refusals
from mlserve.db.engine import Database
from mlserve.events import Author
from mlserve.observability.counters import Counters

TEST = Author("cli:test")


def directory(database: Database, folder: Path) -> Directory:
    """One that looks all the time, once it is started."""
    return Directory(database, folder / "access.json", 0.01, Refusals(Counters()))


def create_key(database: Database, name: str = "app", **options) -> str:
    """The digest of a new key."""
    with database.write() as connection:
        text = keys.create(connection, name, ["predict"], TEST, **options).text
    given = read_key(text)
    assert given is not None
    return given.digest
