"""The bundle store: a folder with one folder a bundle, called by its digest, verified whenever it is opened."""

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from mlserve.bundles.canonical import canonical_json, file_sha256, from_canonical
from mlserve.bundles.manifest import BundleFile, Manifest
from mlserve.errors import BundleError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MANIFEST: Final = "manifest.json"
_FILES: Final = "files"
_UNFINISHED: Final = ".new-"
_MOST_MANIFEST_BYTES: Final = 2**24
_CHUNK: Final = 2**20
_ABANDONED_AFTER_SECONDS: Final = 24 * 3600


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: every byte of it was as its digest says when it was opened."""

    manifest: Manifest
    folder: Path

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def artefact(self) -> Path:
        """The model file."""
        return self.path(self.manifest.artefact)

    def path(self, name: str) -> Path:
        """Where a file of the manifest lies."""
        return self.folder / _FILES / name


class BundleStore:
    """Bundles in `root/<digest>/`: `manifest.json` and `files/…`; folders 0700, files 0600.

    Many processes may use one root: a bundle appears whole or not at all, and never changes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def has(self, digest: str) -> bool:
        """Whether there is a bundle of that digest; `open` says whether it is sound."""
        return _DIGEST.fullmatch(digest) is not None and (self.root / digest / _MANIFEST).is_file()

    def open(self, digest: str) -> Bundle:
        """The bundle of that digest; BundleError if it is not there, or anything in it is not what it should be."""
        if not _DIGEST.fullmatch(digest):
            raise BundleError(f"{digest!r} is not the digest of a bundle: 64 hexadecimal digits are.")
        folder = self.root / digest
        if folder.is_symlink() or not folder.is_dir():
            raise BundleError(f"There is no bundle {digest} in {self.root}.")
        try:
            manifest = _read_manifest(folder)
            if manifest.digest != digest:
                raise BundleError("its manifest has another digest")
            _verify(folder, manifest)
        except (BundleError, OSError) as error:
            raise BundleError(f"The bundle {digest} in {self.root} is not what its digest says: {error}") from error
        return Bundle(manifest, folder)

    def put(self, manifest: Manifest, files: Mapping[str, Path]) -> Bundle:
        """Store copies of `files` (path in the bundle → source) under the manifest's digest, atomically.

        A bundle that is already there stays as it is, its provenance too, unless it is damaged: then it is replaced.
        BundleError if the sources are not what the manifest says, or the store cannot be written.
        """
        if set(files) != {file.path for file in manifest.files}:
            raise BundleError("The files are not those that the manifest lists.")
        try:
            return self.open(manifest.digest)
        except BundleError:
            pass  # Not there, or damaged: both are put right below.
        try:
            _make_private(self.root)
            self._sweep()
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.root))
            try:
                _write(unfinished, manifest, files)
                self._publish(unfinished, manifest.digest)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        except OSError as error:
            raise BundleError(f"The bundle store {self.root} cannot be written: {error}.") from error
        return self.open(manifest.digest)

    def _publish(self, unfinished: Path, digest: str) -> None:
        final = self.root / digest
        try:
            unfinished.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            if self._is_sound(digest):
                return  # Another process was quicker with the same bundle.
            final.rename(unfinished.with_suffix(".damaged"))
            unfinished.rename(final)
            shutil.rmtree(unfinished.with_suffix(".damaged"), ignore_errors=True)
        _sync_folder(self.root)

    def _is_sound(self, digest: str) -> bool:
        try:
            self.open(digest)
        except BundleError:
            return False
        return True

    def _sweep(self) -> None:
        """Remove what killed processes left unfinished long ago."""
        for left in self.root.glob(_UNFINISHED + "*"):
            with suppress(FileNotFoundError):  # It is somebody's who has just finished.
                if time.time() - left.lstat().st_mtime > _ABANDONED_AFTER_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


def _read_manifest(folder: Path) -> Manifest:
    path = folder / _MANIFEST
    if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > _MOST_MANIFEST_BYTES:
        raise BundleError(f"its {_MANIFEST} is no ordinary file")
    return Manifest.from_json(from_canonical(path.read_bytes()))


def _verify(folder: Path, manifest: Manifest) -> None:
    """Check that the folder holds the manifest's files, each as it says, and nothing else."""
    files = folder / _FILES
    if files.is_symlink():
        raise BundleError(f"its {_FILES} is a link")
    listed = {file.path: file for file in manifest.files}
    expected = {folder / _MANIFEST, files, *(files / path for path in listed)}
    expected |= {files / parent for path in listed for parent in PurePosixPath(path).parents}
    for found in sorted(folder.rglob("*")):  # It does not go into linked folders, and a link has no place here.
        if found not in expected:
            raise BundleError(f"{str(found.relative_to(folder))!r} does not belong to it")
    for file in manifest.files:
        _verify_file(files / file.path, file)


def _verify_file(path: Path, file: BundleFile) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise BundleError(f"{file.path!r} is missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise BundleError(f"{file.path!r} is no ordinary file")
    if status.st_size != file.size:
        raise BundleError(f"{file.path!r} has {status.st_size} bytes instead of {file.size}")
    if file_sha256(path) != file.sha256:
        raise BundleError(f"{file.path!r} has another SHA-256 than its manifest says")


def _write(folder: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    for file in manifest.files:
        target = folder / _FILES / file.path
        _make_private(target.parent)
        _copy(files[file.path], target, file)
    with _create(folder / _MANIFEST) as out:
        out.write(canonical_json(manifest.to_json()))
        out.flush()
        os.fsync(out.fileno())
    for parent, _, _ in os.walk(folder):
        _sync_folder(Path(parent))


def _copy(source: Path, target: Path, file: BundleFile) -> None:
    """Copy and check in one go: what lies in the store is what the manifest says, whatever becomes of the source."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as read, _create(target) as out:
        while chunk := read.read(_CHUNK):
            out.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        out.flush()
        os.fsync(out.fileno())
    if (digest.hexdigest(), size) != (file.sha256, file.size):
        raise BundleError(f"{source} changed while it was packed.")


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _make_private(folder: Path) -> None:
    """Make the folder and its missing parents, each for this user alone (`mkdir` gives the mode to the last only)."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
