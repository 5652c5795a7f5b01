"""Bundles: a model file with all that belongs to it, packed under the digest of its content. Knows no Pyramid."""

from mlserve.bundles.canonical import canonical_json, file_sha256
from mlserve.bundles.manifest import BundleFile, Manifest
from mlserve.bundles.pack import pack
from mlserve.bundles.packaging import package
from mlserve.bundles.shared_store import SharedStore
from mlserve.bundles.sidecar import read_metrics, read_sidecar
from mlserve.bundles.store import Bundle, BundleStore, open_folder

__all__ = [
    "Bundle",
    "BundleFile",
    "BundleStore",
    "Manifest",
    "SharedStore",
    "canonical_json",
    "file_sha256",
    "open_folder",
    "pack",
    "package",
    "read_metrics",
    "read_sidecar",
]
