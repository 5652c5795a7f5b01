"""The files of an artefact in a private folder: unpacked once, and checked to lie in it and to be no bomb."""

import hashlib
import os
import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mlserve.errors import BundleError
from mlserve_python.artefact import RECIPE

MOST_FILES: Final = 10_000
_CHUNK: Final = 2**20
# No way out of the folder, nothing hidden, and the same name on every file system.
_STEP: Final = r"[A-Za-z0-9_][A-Za-z0-9._+ -]{0,199}"
_NAME: Final = re.compile(rf"{_STEP}(/{_STEP}){{0,15}}", re.ASCII)


def unpacked(path: Path, cache: Path, largest: int) -> Path:
    """The folder with the archive's files, below `cache`; unpacked where no process has done so before.

    `largest` bounds the bytes of all files. Raises BundleError.
    """
    try:
        folder = cache / _digest(path)
        if folder.is_dir():
            return folder
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=cache))  # of mode 0700
    except OSError as error:
        raise not_unpacked(path, error) from error
    try:
        unpack(path, new, largest)
        new.rename(folder)
    except OSError as error:
        if folder.is_dir():  # Another process was quicker, with the same files.
            return folder
        raise not_unpacked(path, error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def unpack(path: Path, folder: Path, largest: int) -> None:
    """Unpack all files but predictor.json. Raises BundleError."""
    try:
        with zipfile.ZipFile(path) as archive:
            left = largest
            for member in _checked(path.name, archive.infolist()):
                left -= _write(archive, member, folder / member.filename, path.name, left)
    except BundleError:
        raise
    except OSError as error:
        raise not_unpacked(path, error) from error
    except Exception as error:  # zipfile and zlib raise many things of a damaged archive
        said = " ".join(str(error).split()).rstrip(".")
        raise BundleError(f"{path.name} is a damaged archive: {said}.") from error


def not_unpacked(path: Path, error: OSError) -> BundleError:
    """For what the file system has against it: no room, no right, no such file."""
    return BundleError(f"The files of {path.name} cannot be unpacked: {error.strerror or error}.")


def _checked(archive: str, members: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The files to unpack, each below the folder and once."""
    if len(members) > MOST_FILES:
        raise BundleError(f"{archive} holds more than {MOST_FILES} files.")
    seen: set[str] = set()
    folders: set[str] = set()
    files = []
    for member in members:
        name = member.filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if not _NAME.fullmatch(name.removesuffix("/")) or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BundleError(f"{archive} holds {name[:100]!r}, which is no plain file below its folder.")
        if member.flag_bits & 1:
            raise BundleError(f"{archive} holds {name!r}, which is encrypted.")
        if name.lower() in seen:
            raise BundleError(f"{archive} holds {name!r} twice.")
        seen.add(name.lower())
        # What stands before each slash: all of `a/b/`, a folder of its own, and `a` of `a/b`.
        folders |= {name[:at].lower() for at, character in enumerate(name) if character == "/"}
        if not member.is_dir() and name != RECIPE:
            files.append(member)
    if both := sorted(seen & folders):
        raise BundleError(f"{archive} holds {both[0]!r} as a file and as a folder.")
    return files


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, named: str, left: int) -> int:
    """The file's size, as it is and not as the archive says."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = 0
    with archive.open(member) as source, open(path, "xb", opener=_private) as target:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > left:
                raise BundleError(
                    f"The files of {named} are larger than mlserve.python.unpacked allows once they are unpacked."
                )
            target.write(chunk)
    return written


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
