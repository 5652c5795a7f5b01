"""Files that only their owner may read."""

import os
from contextlib import suppress
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Write it whole or not at all, mode 0600. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        _write(temporary, content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def made_once(path: Path, content: bytes) -> bytes:
    """What the file holds; of several processes that make it at once, all get the same. Raises OSError."""
    if not path.exists():
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            _write(temporary, content)
            with suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
