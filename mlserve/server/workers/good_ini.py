"""The INI that all processes run, which what takes a dead one's place is to have too, whatever is on the disk."""

import os
import re
import tempfile
from pathlib import Path

from paste.deploy import loadwsgi

# What would mean something else in another folder, or is said there already.
_BOUND = re.compile(rb"config:|^\s*(here|__file__)\s*[=:]", re.MULTILINE)


class GoodIni:
    """Of the file `path`, which is read when a start or a reload begins, and is good when that has succeeded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = b""
        self._good = b""
        self._is_beginning = False

    def begin(self) -> None:
        """From now on processes read the file itself."""
        self._begun = self._now()
        self._is_beginning = True

    def give_up(self) -> None:
        """What was good before is so again."""
        self._is_beginning = False

    def succeed(self) -> None:
        """All processes have read what the file said at the beginning, unless it has changed meanwhile."""
        self._is_beginning = False
        self._good = self._begun if self._begun == self._now() else b""

    def _now(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError:  # Somebody is just writing another one.
            return b""

    def copy(self) -> Path | None:
        """A private file for one process, which removes it; None where the file itself is to be read.

        It says where the file stands: `here` means the same in it. One that names others by `config:` has no copy.
        Raises OSError.
        """
        if self._is_beginning or not self._good or _BOUND.search(self._good):
            return None
        place = f"\n[DEFAULT]\nhere = {self._path.parent}\n__file__ = {self._path}\n"
        descriptor, name = tempfile.mkstemp(prefix="mlserve-", suffix=".ini")  # For its user only.
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._good + os.fsencode(place))
        return Path(name)


def folder_of(ini: str) -> str:
    """What `here` means in an INI or in a copy. An application is to be told so: pserve's loaders would name that of
    the copy.
    """
    place: str = loadwsgi.ConfigLoader(ini).parser.defaults()["__file__"]
    return str(Path(place).parent)
