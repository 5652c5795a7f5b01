"""Records that the database will never take: kept in files of their own, so that they do not block the rest."""

import os
from datetime import datetime
from math import inf
from pathlib import Path

import msgspec

from mlserve.ids import is_id, timestamp_of
from mlserve.predictions.record import glimpse
from mlserve.predictions.spool.synced_folder import sync_folder

FOLDER = "set-aside"


class SetAside(msgspec.Struct, frozen=True):
    """The first line of such a file: where the record stood and why it is here. The payload follows as it was."""

    segment: str
    position: int
    reason: str


def set_aside(folder: Path, segment: str, position: int, payload: bytes, reason: str) -> str:
    """Writes the payload under its id, or under its place if it has none; the name. Synced when this returns.

    Doing it again, after a shipper that died in between, leaves the same file. Raises OSError.
    """
    name = _name(payload) or f"{segment}-{position}"
    home = folder / FOLDER
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    header = msgspec.json.encode(SetAside(segment, position, reason))
    temporary = home / f"{name}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(header + b"\n" + payload)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(home / f"{name}.record")
    sync_folder(home)
    return name


def set_aside_names(folder: Path) -> list[str]:
    """The names of all records that were set aside, oldest first where they have an id."""
    return sorted(path.stem for path in (folder / FOLDER).glob("*.record"))


def made_before(folder: Path, moment: datetime) -> list[Path]:
    """The files of the records that were made before that time: by their id, or else by when they were set aside."""
    return [path for path in (folder / FOLDER).glob("*.record") if _made(path) < moment.timestamp()]


def _made(path: Path) -> float:
    if is_id(path.stem):
        return timestamp_of(path.stem) / 1e6
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return inf


def _name(payload: bytes) -> str | None:
    try:
        name = glimpse(payload).id
    except ValueError:
        return None
    return name if is_id(name) else None
