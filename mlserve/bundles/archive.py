"""Archives: a bundle as one zip file `NAME.mlbundle`, `manifest.json` first and then `files/…`.

An archive may come from anybody, so reading takes nothing for granted. Only the plain form is read: entries one after
the other from the first byte, each told of twice in the same words, stored or deflated, the directory, and the end.
Names are those of the manifest, sizes are counted while unpacking, and nothing is written outside the store's own
temporary folder before all is checked. Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

import os
import shutil
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NoReturn
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from mlserve.bundles.manifest import MOST_FILES, Manifest
from mlserve.bundles.store import FILES, MANIFEST, MOST_MANIFEST_BYTES, Bundle, BundleStore
from mlserve.errors import BundleError

SUFFIX: Final = ".mlbundle"
_PIECE: Final = 2**16
_STORED, _DEFLATED = 0, 8
# How hard it was deflated, and that the name is UTF-8. Not: encrypted, sizes behind the data, patches.
_HARMLESS_FLAGS: Final = 0x0806
_MOST_DIRECTORY_BYTES: Final = 2**20
# What a zip file can say without its 64-bit extension, which is not read.
_MOST_BYTES: Final = 2**32 - 2
# A small file may shrink to almost nothing; a ratio says something of larger ones only.
_FREE_OF_RATIO: Final = 2**20
_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may have: bytes as it is, bytes unpacked, and how many unpacked for one of its own."""

    packed: int = 2**31
    unpacked: int = 2**32
    ratio: int = 100


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file in the archive, as the directory and the header before its data both describe it."""

    name: str
    deflated: bool
    crc: int
    packed: int
    size: int
    start: int  # of its data


def write(bundle: Bundle, path: Path) -> None:
    """Write the archive of a bundle, atomically. The same manifest and files give the same bytes.

    Nothing is compressed, so that no library's version is in the bytes. Raises BundleError.
    """
    sizes = sum(file.size for file in bundle.manifest.files)
    if sizes + MOST_MANIFEST_BYTES > _MOST_BYTES:
        raise BundleError(f"The bundle has {sizes} bytes, and an archive holds less than 4 GiB: use a folder.")
    try:
        with _replacing(path) as out, ZipFile(out, "w", ZIP_STORED) as archive:
            archive.writestr(_info(MANIFEST), bundle.manifest.text)
            for file in bundle.manifest.files:
                info = _info(f"{FILES}/{file.path}")
                with bundle.path(file.path).open("rb") as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target)
    except OSError as error:
        raise BundleError(f"{path} cannot be written: {error.strerror or error}.") from error


def read(source: Path | BinaryIO, store: BundleStore, *, limits: ArchiveLimits | None = None) -> Bundle:
    """Unpack an archive into the store. Raises BundleError, with a sentence, for any that is not wholly sound.

    A file must be one that can seek. The bundle's digest is computed; that it is the expected one is the caller's to
    check. A family that runs code when a model is loaded needs more than this: `mlserve.trust.digests`.
    """
    limits = limits or ArchiveLimits()
    if not isinstance(source, Path):
        return _Archive(source, limits).unpack(store)
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise BundleError(f"{source} is not a file.")
        with source.open("rb") as file:
            return _Archive(file, limits).unpack(store)
    except OSError as error:
        raise BundleError(f"{source} cannot be read: {error.strerror or error}.") from error


class _Archive:
    """An archive whose directory was read and found plain."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        self._file = file
        self._limits = limits
        self._size = file.seek(0, os.SEEK_END)
        if self._size > min(limits.packed, _MOST_BYTES):
            _refuse(f"it has {self._size} bytes, and may have {min(limits.packed, _MOST_BYTES)}")
        self._entries = {entry.name: entry for entry in self._read_directory()}
        self._unpacked = 0

    def unpack(self, store: BundleStore) -> Bundle:
        manifest = self._manifest()
        listed = {f"{FILES}/{file.path}": file for file in manifest.files}
        if self._entries.keys() - {MANIFEST} != listed.keys():
            strange = sorted(self._entries.keys() - {MANIFEST} ^ listed.keys())
            _refuse(f"its manifest and its files do not agree on {strange[0]!r}")
        for name, file in listed.items():
            if self._entries[name].size != file.size:
                _refuse(f"{name!r} has {self._entries[name].size} bytes, and the manifest says {file.size}")
        total = sum(file.size for file in manifest.files)
        if total > self._limits.unpacked:
            _refuse(f"it would have {total} bytes unpacked, and may have {self._limits.unpacked}")
        return store.take(manifest, {file.path: partial(self._data, f"{FILES}/{file.path}") for file in manifest.files})

    def _manifest(self) -> Manifest:
        entry = self._entries.get(MANIFEST)
        if entry is None:
            _refuse(f"it has no {MANIFEST}")
        if entry.size > MOST_MANIFEST_BYTES:
            _refuse(f"its {MANIFEST} has {entry.size} bytes, and may have {MOST_MANIFEST_BYTES}")
        return Manifest.from_text(b"".join(self._data(MANIFEST)))

    def _data(self, name: str) -> Iterator[bytes]:
        """A file's bytes, counted as they come: what the headers say is a claim, and the end is checked against it."""
        entry, size, crc = self._entries[name], 0, 0
        for piece in self._inflated(entry) if entry.deflated else self._stored(entry):
            size += len(piece)
            self._unpacked += len(piece)
            if size > entry.size:
                _refuse(f"{name!r} has more bytes than it says")
            if self._unpacked > self._limits.unpacked + MOST_MANIFEST_BYTES:
                _refuse(f"it has more than {self._limits.unpacked} bytes unpacked")
            if self._unpacked > max(_FREE_OF_RATIO, self._limits.ratio * self._size):
                _refuse(f"it unpacks to more than {self._limits.ratio} times its size")
            crc = zlib.crc32(piece, crc)
            yield piece
        if (size, crc) != (entry.size, entry.crc):
            _refuse(f"{name!r} is damaged")

    def _stored(self, entry: _Entry) -> Iterator[bytes]:
        place, end = entry.start, entry.start + entry.packed
        while place < end:
            piece = self._at(place, min(_PIECE, end - place))
            place += len(piece)
            yield piece

    def _inflated(self, entry: _Entry) -> Iterator[bytes]:
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for piece in self._stored(entry):
                if unpacking.eof:
                    _refuse(f"{entry.name!r} has bytes behind its end")
                while piece and not unpacking.eof:
                    yield unpacking.decompress(piece, _PIECE)
                    piece = unpacking.unconsumed_tail
                if unpacking.unused_data:
                    _refuse(f"{entry.name!r} has bytes behind its end")
            while not unpacking.eof and (rest := unpacking.decompress(b"", _PIECE)):
                yield rest
        except zlib.error:
            _refuse(f"{entry.name!r} is damaged")
        if not unpacking.eof:
            _refuse(f"{entry.name!r} ends too early")

    def _read_directory(self) -> list[_Entry]:
        """The entries, which must fill the file from its first byte to the directory, in the directory's order."""
        end = self._size - _END.size
        magic, disk, first, here, count, size, start, comment = _END.unpack(self._at(end, _END.size))
        if magic != b"PK\5\6" or comment:
            _refuse("it is no zip file, or has something behind its end")
        if disk or first or here != count or not 0 < count <= MOST_FILES + 1:
            _refuse(f"it has {count} entries, and may have 1 to {MOST_FILES + 1}, in one file")
        if size > _MOST_DIRECTORY_BYTES or start + size != end:
            _refuse("its directory is not where its end says")
        directory, entries, place, offset = self._at(start, size), [], 0, 0
        for _ in range(count):
            entry, place = self._read_entry(directory, place, offset)
            entries.append(entry)
            offset = entry.start + entry.packed
        if place != size or offset != start:
            _refuse("its entries do not follow each other")
        # As on a file system that takes upper and lower case for the same.
        if len({entry.name.lower() for entry in entries}) != count:
            _refuse("it has one name twice")
        return entries

    def _read_entry(self, directory: bytes, place: int, offset: int) -> tuple[_Entry, int]:
        """The entry described at `place` of the directory, whose header must lie at `offset` of the file."""
        if place + _CENTRAL.size > len(directory):
            _refuse("its directory ends too early")
        magic, _, _, flags, method, _, _, crc, packed, size, length, extra, comment, disk, _, mode, at = (
            _CENTRAL.unpack_from(directory, place)
        )
        name = directory[place + _CENTRAL.size : place + _CENTRAL.size + length]
        if magic != b"PK\1\2" or disk or len(name) != length or at != offset:
            _refuse("its entries do not follow each other")
        told = repr(name[:200].decode("ascii", "replace"))
        kind = stat.S_IFMT(mode >> 16)
        if kind not in (0, stat.S_IFREG) or mode & 0x10 or name.endswith(b"/"):
            _refuse(f"{told} is no ordinary file")
        if flags & ~_HARMLESS_FLAGS or method not in (_STORED, _DEFLATED) or extra or comment:
            _refuse(f"{told} is encrypted, or packed in a way that is not read here")
        if method == _STORED and packed != size:
            _refuse(f"{told} has two sizes")
        header = _LOCAL.unpack(self._at(offset, _LOCAL.size))
        again = self._at(offset + _LOCAL.size, length)
        if header[0] != b"PK\3\4" or header[2:4] != (flags, method) or header[6:] != (crc, packed, size, length, 0):
            _refuse(f"{told} is described in two ways")
        if again != name or not name.isascii() or b"\0" in name or b"\\" in name:
            _refuse(f"{told} is no name in a bundle")
        start = offset + _LOCAL.size + length
        return _Entry(name.decode(), method == _DEFLATED, crc, packed, size, start), place + _CENTRAL.size + length

    def _at(self, place: int, size: int) -> bytes:
        if place < 0:
            _refuse("it is too short for a zip file")
        self._file.seek(place)
        found = self._file.read(size)
        if len(found) != size:
            _refuse("it ends too early")
        return found


def _refuse(why: str) -> NoReturn:
    raise BundleError(f"This is not the archive of a bundle: {why}.")


def _info(name: str) -> ZipInfo:
    """A file of no time and no owner."""
    info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when it is whole."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
