"""This host's copy of the registry: with it a server can start and answer while the database is down."""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

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
        """Replace the file atomically, if there is anything new to say: it was checked against the database."""
        if not self._changed:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        content = Content(FORMAT, now, self._numbers)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


def _read(path: Path) -> Content:
    """What an unreadable or foreign snapshot knows is nothing: the database is the truth, this only a help."""
    nothing = Content(FORMAT)
    try:
        content = msgspec.json.decode(path.read_bytes(), type=Content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return nothing
    return content if content.format == FORMAT else nothing
