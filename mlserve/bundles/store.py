"""The bundle store: a folder with one folder a bundle, called by its digest, verified whenever it is opened."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final
from uuid import uuid4

from mlserve.bundles.canonical import file_sha256
from mlserve.bundles.manifest import BundleFile, Manifest
from mlserve.errors import BundleError, StoreUnavailable
from mlserve.names import DIGEST

MANIFEST: Final = "manifest.json"
FILES: Final = "files"
_UNFINISHED: Final = ".new-"
MOST_MANIFEST_BYTES: Final = 2**24
_CHUNK: Final = 2**20
_ABANDONED_AFTER_SECONDS: Final = 24 * 3600
KEPT_SECONDS: Final = 24 * 3600.0

# Gives the bytes of a file, a piece at a time.
Source = Callable[[], Iterator[bytes]]
# Whether a digest is used by nobody, which stays so as long as the block runs.
Unused = Callable[[str], AbstractContextManager[bool]]


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
        return self.folder / FILES / name


class BundleStore:
    """Bundles in `root/<digest>/`: `manifest.json` and `files/…`; folders 0700, files 0600.

    Many processes may use one root: a bundle appears whole or not at all, and never changes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def has(self, digest: str) -> bool:
        """Whether there is a bundle of that digest; `open` says whether it is sound."""
        return DIGEST.fullmatch(digest) is not None and (self.root / digest / MANIFEST).is_file()

    def keeps(self, manifest: Manifest) -> bool:
        """Whether everybody who uses the store finds that bundle there, with all its files."""
        return self.has(manifest.digest)

    def open(self, digest: str) -> Bundle:
        """The bundle of that digest; BundleError if it is not there, or anything in it is not what it should be."""
        return self._open(digest)

    def _open(self, digest: str, known: Manifest | None = None) -> Bundle:
        """As `open`; a manifest that is, byte by byte, the `known` one is not read again."""
        if not DIGEST.fullmatch(digest):
            raise BundleError(f"{digest!r} is not the digest of a bundle: 64 hexadecimal digits are.")
        folder = self.root / digest
        if folder.is_symlink() or not folder.is_dir():
            raise BundleError(f"There is no bundle {digest} in {self.root}.")
        try:
            manifest = _read_manifest(folder, known)
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
        with suppress(BundleError):  # Not there, or damaged: both are put right below.
            return self._as_new(self._open(manifest.digest, manifest))
        return self.take(manifest, {name: partial(pieces_of, path) for name, path in files.items()})

    def take(self, manifest: Manifest, sources: Mapping[str, Source]) -> Bundle:
        """Store what the sources give, as `put` does, and read all of it even where the bundle is there already.

        Everything is written to a folder of its own, and checked, before the bundle appears. Raises what `put` and the
        sources raise, and leaves nothing behind then.
        """
        if set(sources) != {file.path for file in manifest.files}:
            raise BundleError("The files are not those that the manifest lists.")
        try:
            _make_private(self.root)
            self._sweep()
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.root))
            try:
                _write(unfinished, manifest, sources)
                self._publish(unfinished, manifest)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        except OSError as error:
            raise StoreUnavailable(f"The bundle store {self.root} cannot be written: {error}.") from error
        return self._as_new(self._open(manifest.digest, manifest))

    def collect(
        self,
        used: Collection[str],
        *,
        older_than: float = KEPT_SECONDS,
        dry_run: bool = False,
        unused: Unused = lambda _: nullcontext(True),
    ) -> list[str]:
        """Remove the bundles whose digest is not among `used`, and give their digests.

        Those put there in the last `older_than` seconds, for the first time or again, stay: they may be about to be
        registered. With `dry_run` all stay. `unused` is asked again right before each one is removed, and not left
        before it is gone. Raises StoreUnavailable where the store cannot be written, and what `unused` raises.
        """
        removed = []
        for folder in sorted(self.root.glob("?" * 64)):
            if not DIGEST.fullmatch(folder.name) or folder.name in used or folder.is_symlink():
                continue
            if not _is_older(folder, older_than):
                continue
            if not dry_run:
                with unused(folder.name) as is_unused:
                    if not is_unused or not _is_older(folder, older_than) or not self._remove(folder):
                        continue
            removed.append(folder.name)
        return removed

    def _remove(self, folder: Path) -> bool:
        """Whether it was there: gone at once and as a whole, whenever this process may be killed."""
        try:
            gone = folder.rename(self.root / f"{_UNFINISHED}{uuid4().hex}")
        except FileNotFoundError:
            return False  # Another process collects too.
        except OSError as error:
            raise StoreUnavailable(f"The bundle store {self.root} cannot be written: {error}.") from error
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def _as_new(self, bundle: Bundle) -> Bundle:
        """So that `collect` leaves it alone for a while."""
        with suppress(OSError):  # Of a store that may only be read nobody collects.
            os.utime(bundle.folder)
        return bundle

    def _publish(self, unfinished: Path, manifest: Manifest) -> None:
        final = self.root / manifest.digest
        try:
            unfinished.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            if self._is_sound(manifest):
                return  # Another process was quicker with the same bundle.
            final.rename(unfinished.with_suffix(".damaged"))
            unfinished.rename(final)
            shutil.rmtree(unfinished.with_suffix(".damaged"), ignore_errors=True)
        _sync_folder(self.root)

    def _is_sound(self, manifest: Manifest) -> bool:
        try:
            self._open(manifest.digest, manifest)
        except BundleError:
            return False
        return True

    def _sweep(self) -> None:
        """Remove what killed processes left unfinished long ago."""
        for left in self.root.glob(_UNFINISHED + "*"):
            with suppress(FileNotFoundError):  # It is somebody's who has just finished.
                if time.time() - left.lstat().st_mtime > _ABANDONED_AFTER_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


def open_folder(folder: Path) -> Bundle:
    """The bundle in a folder of any name; BundleError if it holds none, or is not what its manifest says."""
    try:
        manifest = _read_manifest(folder)
        _verify(folder, manifest)
    except FileNotFoundError as error:
        raise BundleError(f"{folder} is no bundle: it has no {MANIFEST}.") from error
    except (BundleError, OSError) as error:
        raise BundleError(f"The bundle in {folder} is not what its manifest says: {error}") from error
    return Bundle(manifest, folder)


def _is_older(folder: Path, seconds: float) -> bool:
    try:
        return time.time() - folder.lstat().st_mtime > seconds
    except FileNotFoundError:
        return False


def _read_manifest(folder: Path, known: Manifest | None = None) -> Manifest:
    path = folder / MANIFEST
    if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > MOST_MANIFEST_BYTES:
        raise BundleError(f"its {MANIFEST} is no ordinary file")
    text = path.read_bytes()
    return known if known is not None and text == known.text else Manifest.from_text(text)


def _verify(folder: Path, manifest: Manifest) -> None:
    """Check that the folder holds the manifest's files, each as it says, and nothing else."""
    files = folder / FILES
    if files.is_symlink():
        raise BundleError(f"its {FILES} is a link")
    listed = {file.path: file for file in manifest.files}
    expected = {folder / MANIFEST, files, *(files / path for path in listed)}
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


def _write(folder: Path, manifest: Manifest, sources: Mapping[str, Source]) -> None:
    for file in manifest.files:
        target = folder / FILES / file.path
        _make_private(target.parent)
        _fill(target, sources[file.path], file)
    if len(manifest.text) > MOST_MANIFEST_BYTES:
        raise BundleError(f"The manifest has {len(manifest.text)} bytes, and may have {MOST_MANIFEST_BYTES}.")
    with _create(folder / MANIFEST) as out:
        out.write(manifest.text)
        out.flush()
        os.fsync(out.fileno())
    for parent, _, _ in os.walk(folder):
        _sync_folder(Path(parent))


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """What is left to read of a file, a piece at a time."""
    while piece := file.read(_CHUNK):
        yield piece


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a piece at a time."""
    with path.open("rb") as file:
        yield from pieces(file)


def _fill(target: Path, source: Source, file: BundleFile) -> None:
    """Copy and check in one go: what lies in the store is what the manifest says, whatever becomes of the source."""
    digest, size = hashlib.sha256(), 0
    with _create(target) as out:
        for piece in source():
            size += len(piece)
            if size > file.size:
                break
            out.write(piece)
            digest.update(piece)
        out.flush()
        os.fsync(out.fileno())
    if (digest.hexdigest(), size) != (file.sha256, file.size):
        raise BundleError(f"{file.path} is not what the manifest says: it changed while it was packed, or is damaged.")


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
