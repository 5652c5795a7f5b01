"""Packing: a model file becomes a bundle in the store."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlserve.bundles.canonical import file_sha256
from mlserve.bundles.manifest import BundleFile, Manifest, content_of
from mlserve.bundles.provenance import now
from mlserve.bundles.store import BundleStore
from mlserve.errors import BundleError
from mlserve.signature import Signature


def pack(
    artefact: Path,
    family_name: str,
    signature: Signature,
    store: BundleStore,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Manifest:
    """Put a model file with its signature and metrics into the store, and give the manifest that is stored there.

    The digest depends on the family, the file's bytes and suffix, the signature and the metrics; not on the file's
    name, the time or `provenance`, of which the first packing's stays. BundleError if the file cannot be read.
    """
    name = "model" + artefact.suffix.lower()
    file = BundleFile(name, *measure(artefact))
    manifest = Manifest(
        content_of(family_name, [file], signature, metrics),
        {"created_at": now(), "artefact": artefact.name, **provenance},
    )
    return store.put(manifest, {name: artefact}).manifest


def measure(artefact: Path) -> tuple[str, int]:
    """The file's digest and size."""
    try:
        status = artefact.stat()
        if not stat.S_ISREG(status.st_mode):  # Reading a pipe or a device would wait for ever.
            raise BundleError(f"{artefact} is not a file.")
        return file_sha256(artefact), status.st_size
    except OSError as error:
        raise BundleError(f"{artefact} cannot be read: {error.strerror}.") from error
