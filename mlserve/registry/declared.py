"""The models that the INI declares: packed into bundles, registered when their digest is new, and loaded."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mlserve.application import Application
from mlserve.bundles import BundleStore, Manifest, pack, read_metrics, read_sidecar
from mlserve.db.failures import reason_of
from mlserve.errors import BundleError, ConfigurationError, DatabaseUnavailable, SignatureError
from mlserve.inference import LiveModel, ModelFamily
from mlserve.inference.loaded import load_version
from mlserve.registry import service
from mlserve.registry.loading import load_bundle, store_of
from mlserve.registry.snapshot import Snapshot
from mlserve.signature import Signature, complete

log = logging.getLogger("mlserve.registry")


def load_declared(application: Application) -> None:
    """Bring every `mlserve.models.NAME` to life. Raises ConfigurationError naming the key of one that cannot be."""
    store = store_of(application)
    snapshot = Snapshot(application.var / "registry.json")
    for name, path in application.settings.models.items():
        with _named(name, path):
            family = application.families.reading(path.suffix, f"mlserve.models.{name}")
            manifest = package(family, path, store)
            _require_trust(application, family, name, path, manifest)
            number = _register(application, snapshot, name, manifest)
            _load(application, family, manifest, {"model": name, "version": number})
    snapshot.write()


def examine(application: Application, name: str, path: Path) -> None:
    """Load a declared model and close it again; nothing is kept. Raises ConfigurationError naming its key."""
    with _named(name, path), TemporaryDirectory() as folder:
        family = application.families.reading(path.suffix, f"mlserve.models.{name}")
        signature = inspect(family, path)
        read_metrics(path)
        if family.runs_code:  # The digest that a start would have is that of the packed bundle.
            _require_trust(application, family, name, path, package(family, path, BundleStore(Path(folder))))
        loaded = load_version(
            family,
            path,
            identity={"model": name, "version": 0, "digest": "", "plugin": ""},
            signature=signature,
            manifest={},
            settings=application.settings.section(f"mlserve.{family.name}"),
            limits=application.limits,
        )
        loaded.close()


def confirm(application: Application) -> dict[str, int | None]:
    """After a start from the snapshot: the models whose number the database, back again, does not confirm.

    Each with the number that it has there. When there is none, the registry is stale no more. Raises
    DatabaseUnavailable.
    """
    served = [model.champion.lineage for model in application.live if model.champion is not None]
    with application.database.read() as connection:
        found = {version.model: service.number_of(connection, version.model, version.digest) for version in served}
    wrong = {version.model: found[version.model] for version in served if found[version.model] != version.version}
    if not wrong:
        log.info("registry_confirmed", extra={"fields": {"since": application.stale_since}})
        application.stale_since = None
    return wrong


def package(family: ModelFamily, artefact: Path, store: BundleStore) -> Manifest:
    """Pack an artefact and its sidecars into the store. Raises BundleError, SignatureError."""
    signature = inspect(family, artefact)
    return pack(artefact, family.name, signature, store, read_metrics(artefact), {"source": str(artefact)})


def inspect(family: ModelFamily, artefact: Path) -> Signature:
    """The signature of an artefact, completed by its sidecar. Raises BundleError, SignatureError."""
    signature = family.inspect(artefact)
    sidecar = read_sidecar(artefact)
    return signature if sidecar is None else complete(signature, sidecar)


def _require_trust(application: Application, family: ModelFamily, name: str, path: Path, manifest: Manifest) -> None:
    """Code of an artefact runs only where the operator has listed its digest. Raises ConfigurationError."""
    if family.runs_code and manifest.digest not in application.settings["mlserve.trust.digests"]:
        raise ConfigurationError(
            f"mlserve.models.{name} = {path} is not loaded: loading a {path.suffix} file runs code that it brings; if "
            f"you trust where it comes from, add its digest {manifest.digest} to mlserve.trust.digests."
        )


@contextmanager
def _named(name: str, path: Path) -> Iterator[None]:
    """What is wrong with an artefact is told with the key that declares it."""
    try:
        yield
    except (BundleError, SignatureError) as error:
        reason = str(error).rstrip(".")
        raise ConfigurationError(f"mlserve.models.{name} = {path} cannot be served: {reason}.") from error


def _register(application: Application, snapshot: Snapshot, name: str, manifest: Manifest) -> int:
    try:
        with application.database.write() as connection:
            number = service.register(connection, name, manifest)
    except DatabaseUnavailable as error:
        known = snapshot.number(name, manifest.digest)
        if known is None:
            raise ConfigurationError(
                f"The database of mlserve.database.url cannot be reached ({reason_of(error)}), and this host has never "
                f"served this bundle of model {name}: start the database."
            ) from error
        log.warning("registry_stale", extra={"fields": {"model": name, "version": known, "since": snapshot.written_at}})
        application.stale_since = snapshot.written_at
        return known
    snapshot.add(name, manifest.digest, number)
    return number


def _load(application: Application, family: ModelFamily, manifest: Manifest, identity: dict[str, object]) -> None:
    name = str(identity["model"])
    loaded = load_bundle(application, family, manifest.digest, identity)
    application.live.put(LiveModel(name, family.name, loaded))
    fields = {**identity, "digest": manifest.digest, "family": family.name, "engine": loaded.lineage.engine}
    log.info("version_loaded", extra={"fields": fields})
