"""What makes a change of a folder outlive a power cut."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """The names in it are on the disk when this returns: of new files, and of renamed ones. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
