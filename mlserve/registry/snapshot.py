"""This host's copy of the registry: with it a server can start and answer while the database is down."""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mlserve.errors import ConfigurationError

FORMAT = 1


class Content(msgspec.Struct):
    """What the file holds."""

    format: int
    written_at: str | None = None
    versions: dict[str, dict[str, int]] = {}


class Snapshot:
    """`registry.json` in the var folder: the number of each version by model and digest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        content = _read(path)
        self.written_at = content.written_at
        self._numbers = content.versions
        self._changed = False

    def number(self, model: str, digest: str) -> int | None:
        return self._numbers.get(model, {}).get(digest)

    def add(self, model: str, digest: str, number: int) -> None:
        self._numbers.setdefault(model, {})[digest] = number
        self._changed = True

    def write(self) -> None:
        """Replace the file atomically, if there is anything new to say: it was checked against the database.

        Raises ConfigurationError when it cannot be written.
        """
        if not self._changed:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        content = Content(FORMAT, now, self._numbers)
        try:
            _replace(self.path, msgspec.json.format(msgspec.json.encode(content)))
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be written ({error.strerror}): let mlserve.var be a folder that mlserve may write "
                "to, with room in it."
            ) from error


def _replace(path: Path, text: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _read(path: Path) -> Content:
    """What an unreadable or foreign snapshot knows is nothing: the database is the truth, this only a help."""
    nothing = Content(FORMAT)
    try:
        content = msgspec.json.decode(path.read_bytes(), type=Content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return nothing
    return content if content.format == FORMAT else nothing
