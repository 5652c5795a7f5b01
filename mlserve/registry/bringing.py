"""Bringing what an operator names into this host's bundles: a model file, a folder or an archive."""

from pathlib import Path

from sqlalchemy import Connection

from mlserve.application import Application
from mlserve.bundles import BundleStore, Manifest, archive, pack, read_metrics, read_sidecar
from mlserve.bundles.completed import whole
from mlserve.bundles.store import MANIFEST, open_folder
from mlserve.errors import ConfigurationError, PluginFailed, StoreUnavailable
from mlserve.events import NOBODY, Author
from mlserve.inference import ModelFamily
from mlserve.inference.families import inspected
from mlserve.registry import service
from mlserve.signature import Signature, complete


def bring(application: Application, path: Path, key: str, store: BundleStore) -> tuple[ModelFamily, Manifest]:
    """Put a bundle, or a model file with its sidecars, into the store.

    `key` names it in errors. Raises BundleError, SignatureError, ConfigurationError where no family reads it, and
    PluginFailed where one that has failed may.
    """
    if not is_bundle(path):
        family = application.families.reading(path.suffix, key)
        return family, pack_artefact(family, path, store)
    if path.is_dir():
        found = open_folder(path)
        files = {file.path: found.path(file.path) for file in found.manifest.files}
        manifest = store.put(found.manifest, files).manifest
    else:
        manifest = archive.read(path, store).manifest
    return _family(application, manifest.family, key), manifest


def register_kept(
    connection: Connection, model: str, manifest: Manifest, store: BundleStore, author: Author = NOBODY
) -> int:
    """As `service.register`, of a bundle in the store. Raises StoreUnavailable where a new one is not there any more.

    Whoever collects bundles waits until the transaction is over, or has been waited for: no version lacks its bundle.
    """
    known = service.number_of(connection, model, manifest.digest)
    number = service.register(connection, model, manifest, author)
    if known is None and not store.keeps(manifest):
        raise StoreUnavailable(
            f"The bundle {manifest.digest} was removed from the store while it was registered: try again.",
            retry_after=1,
        )
    return number


def is_bundle(path: Path) -> bool:
    """Whether a path is that of a bundle; else it is that of a model file."""
    return path.suffix.lower() == archive.SUFFIX or (path / MANIFEST).is_file()


def pack_artefact(family: ModelFamily, artefact: Path, store: BundleStore) -> Manifest:
    """Pack a model file and its sidecars into the store. Raises BundleError, SignatureError."""
    signature = inspect(family, artefact)
    return pack(artefact, family.name, signature, store, read_metrics(artefact), {"source": str(artefact)})


def inspect(family: ModelFamily, artefact: Path) -> Signature:
    """The signature of a model file, completed by its sidecar. Raises BundleError, SignatureError."""
    signature = inspected(family, artefact)
    sidecar = read_sidecar(artefact)
    if signature is None:
        return whole(artefact.name, sidecar)
    return signature if sidecar is None else complete(signature, sidecar)


def _family(application: Application, name: str, key: str) -> ModelFamily:
    family = application.families.get(name)
    if family is None:
        if application.families.has_failed(name):
            raise PluginFailed(f"{key} is a bundle of family {name}, {application.families.missing(name)}.")
        known = ", ".join(family.name for family in application.families) or "none is enabled"
        raise ConfigurationError(
            f"{key} is a bundle of family {name}, which no plugin of mlserve.plugins brings ({known})."
        )
    return family
