"""A bundle store that several hosts share, behind any URL that fsspec knows; a folder of this host is its cache."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from mlserve.bundles.manifest import Manifest
from mlserve.bundles.store import (
    FILES,
    KEPT_SECONDS,
    MANIFEST,
    MOST_MANIFEST_BYTES,
    Bundle,
    BundleStore,
    Source,
    Unused,
    pieces,
    pieces_of,
)
from mlserve.errors import BundleError, StoreUnavailable
from mlserve.names import DIGEST

_UNFINISHED: Final = ".new-"


class SharedStore(BundleStore):
    """What a BundleStore does, for all hosts that use one `url`: `url/<digest>/` has `manifest.json` and `files/…`.

    A bundle is there when its manifest is, which is written last. Whatever is read is checked, and then lies in
    `cache`, which alone is asked for a bundle that it has. Raises BundleError where fsspec, or what it needs for this
    URL, is not installed, and StoreUnavailable whenever the store cannot be reached.
    """

    def __init__(self, url: str, cache: BundleStore) -> None:
        super().__init__(cache.root)
        self.cache = cache
        self._named = re.sub(r"//[^/@]*@", "//", url)  # Without what may be a password.
        with self._told("opened"):
            from fsspec.core import url_to_fs

            fs, base = url_to_fs(url)
        self._fs: Any = fs
        self._base = str(base).rstrip("/")

    def has(self, digest: str) -> bool:
        """Whether there is a bundle of that digest, here or in the shared store."""
        return self.cache.has(digest) or (DIGEST.fullmatch(digest) is not None and self._is_shared(digest))

    def keeps(self, manifest: Manifest) -> bool:
        """Whether every host finds that bundle there, with all its files, each of its size."""
        with self._told("read"):
            self._fs.invalidate_cache()  # Another host may have just put it there, or removed it.
            return self._fs.exists(self._path(manifest.digest, MANIFEST)) and self._has_files(manifest)

    def open(self, digest: str) -> Bundle:
        """The bundle of that digest, fetched where this host does not have it, or not sound any more."""
        with suppress(BundleError):
            return self.cache.open(digest)
        if not DIGEST.fullmatch(digest):
            raise BundleError(f"{digest!r} is not the digest of a bundle: 64 hexadecimal digits are.")
        with self._told("read"):
            if not self._is_shared(digest):
                raise BundleError(f"There is no bundle {digest} in {self._named}.")
            with self._fs.open(self._path(digest, MANIFEST), "rb") as file:
                text = file.read(MOST_MANIFEST_BYTES + 1)
            manifest = Manifest.from_text(text)
            if manifest.digest != digest:
                raise BundleError(f"The bundle {digest} in {self._named} is not what its digest says.")
            return self.cache.take(manifest, self._sources(digest, manifest))

    def put(self, manifest: Manifest, files: Mapping[str, Path]) -> Bundle:
        """As `BundleStore.put`, and share it."""
        return self._share(self.cache.put(manifest, files))

    def take(self, manifest: Manifest, sources: Mapping[str, Source]) -> Bundle:
        """As `BundleStore.take`, and share it."""
        return self._share(self.cache.take(manifest, sources))

    def collect(
        self,
        used: Collection[str],
        *,
        older_than: float = KEPT_SECONDS,
        dry_run: bool = False,
        unused: Unused = lambda _: nullcontext(True),
    ) -> list[str]:
        """As `BundleStore.collect`, here and in the shared store, of which the digests are given."""
        self.cache.collect(used, older_than=older_than, dry_run=dry_run, unused=unused)
        removed = []
        for digest in self._digests():
            if digest in used or self._age(digest) <= older_than:
                continue
            if not dry_run:
                with unused(digest) as is_unused:
                    if not is_unused or self._age(digest) <= older_than or not self._remove_shared(digest):
                        continue
            removed.append(digest)
        return removed

    def _digests(self) -> list[str]:
        """Of all that is in the shared store."""
        with self._told("collected"):
            self._fs.invalidate_cache()
            paths = self._fs.ls(self._base, detail=False) if self._fs.exists(self._base) else []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in paths)
        return sorted(name for name in names if DIGEST.fullmatch(name))

    def _remove_shared(self, digest: str) -> bool:
        """Whether it was there. The manifest goes first: without it there is no bundle any more."""
        with self._told("collected"), suppress(FileNotFoundError):  # Another host collects too.
            self._fs.rm(self._path(digest, MANIFEST))
            self._fs.rm(self._path(digest), recursive=True)
            return True
        return False

    def _share(self, bundle: Bundle) -> Bundle:
        digest = bundle.digest
        with self._told("written"):
            if not self.keeps(bundle.manifest):
                for file in bundle.manifest.files:
                    self._upload(partial(pieces_of, bundle.path(file.path)), digest, f"{FILES}/{file.path}")
            # Also where it is there: as new, `collect` leaves it alone for a while.
            self._upload(lambda: iter([bundle.manifest.text]), digest, MANIFEST)
        return bundle

    def _upload(self, source: Source, digest: str, name: str) -> None:
        """Write under another name first: whoever looks meanwhile sees the whole file or none."""
        final, unfinished = self._path(digest, name), f"{self._base}/{_UNFINISHED}{uuid4().hex}"
        self._fs.makedirs(final.rpartition("/")[0], exist_ok=True)
        try:
            with self._fs.open(unfinished, "wb") as out:
                for piece in source():
                    out.write(piece)
            self._fs.mv(unfinished, final)
        finally:
            with suppress(FileNotFoundError):
                self._fs.rm(unfinished)

    def _sources(self, digest: str, manifest: Manifest) -> dict[str, Source]:
        return {file.path: partial(self._pieces, self._path(digest, f"{FILES}/{file.path}")) for file in manifest.files}

    def _pieces(self, path: str) -> Iterator[bytes]:
        with self._fs.open(path, "rb") as file:
            yield from pieces(file)

    def _is_shared(self, digest: str) -> bool:
        with self._told("read"):
            self._fs.invalidate_cache()  # Another host may have just put it there.
            return bool(self._fs.exists(self._path(digest, MANIFEST)))

    def _has_files(self, manifest: Manifest) -> bool:
        try:
            sizes = {
                file.path: self._fs.size(self._path(manifest.digest, f"{FILES}/{file.path}")) for file in manifest.files
            }
        except FileNotFoundError:
            return False
        return all(sizes[file.path] == file.size for file in manifest.files)

    def _age(self, digest: str) -> float:
        """Seconds since the bundle was put there; a folder without a manifest is being written, and has none."""
        try:
            with self._told("collected"):
                self._fs.invalidate_cache()
                changed: datetime = self._fs.modified(self._path(digest, MANIFEST))
        except BundleError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return 0.0
            raise
        changed = changed if changed.tzinfo else changed.replace(tzinfo=UTC)
        return (datetime.now(UTC) - changed).total_seconds()

    def _path(self, digest: str, name: str = "") -> str:
        return f"{self._base}/{digest}/{name}".rstrip("/")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Each kind of store fails in its own way: here all of them in one."""
        try:
            yield
        except BundleError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            # What is not installed or no URL does not come back by itself.
            kind = BundleError if isinstance(error, ImportError | ValueError) else StoreUnavailable
            raise kind(f"The bundle store {self._named} cannot be {what}: {reason}.") from error
