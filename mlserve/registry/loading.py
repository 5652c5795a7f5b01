"""Loading a version out of its bundle with what the application knows of its family, and looking if it is right."""

import logging
import sys
import threading
from collections.abc import Mapping
from contextlib import ContextDecorator
from typing import Any, Final

import msgspec

from mlserve.application import Application
from mlserve.bundles import Bundle, BundleStore, SharedStore
from mlserve.errors import BundleError, MlserveError, NotSupported
from mlserve.inference import LoadedVersion, ModelFamily
from mlserve.inference.golden import replay
from mlserve.inference.loaded import load_version
from mlserve.registry.registered import Wanted
from mlserve.settings import changed_settings
from mlserve.signature.examples import example_instance

log = logging.getLogger("mlserve.registry")

_TOLD = 3
# How long, in seconds, a thread that gives way keeps the interpreter from one that waits for it; usual are 5 ms.
# An answer waits for it several times, each time so long.
_SHORT: Final = 0.0002


class BundleMissing(BundleError):
    """The bundle cannot be had on this host; it may come later."""


class VerificationFailed(BundleError):
    """The loaded version does not answer its golden predictions as its bundle says."""


def store_of(application: Application) -> BundleStore:
    """The bundles of this host, and of `mlserve.store.url` where it is set. Raises BundleError."""
    here, url = host_store(application), application.settings["mlserve.store.url"]
    return SharedStore(url, here) if url else here


def host_store(application: Application) -> BundleStore:
    """The bundles of this host alone."""
    return BundleStore(application.var / "bundles")


class _GivingWay(ContextDecorator):
    """Whoever answers callers gets the interpreter soon, though the threads inside have much to do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(_SHORT, self._before))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._before)


giving_way = _GivingWay()


@giving_way
def load_bundle(
    application: Application, family: ModelFamily, bundle: Bundle, identity: Mapping[str, Any]
) -> LoadedVersion:
    """Load a bundle; `identity` is the model and the version. Raises BundleError, SignatureError."""
    manifest = bundle.manifest
    return load_version(
        family,
        bundle.artefact,
        identity={**identity, "digest": manifest.digest, "plugin": application.families.plugin_of(family.name)},
        signature=manifest.signature,
        manifest=manifest.to_json(),
        settings=application.settings.section(f"mlserve.{family.name}"),
        changed=changed_settings(application.settings, f"mlserve.{family.name}"),
        limits=application.limits,
        count_fallback=lambda: application.counters.add("decoder_fallbacks"),
    )


@giving_way
def load_verified(application: Application, wanted: Wanted) -> LoadedVersion:
    """Load a version that is to answer callers: warm, and proved by its golden predictions.

    Raises BundleMissing, VerificationFailed, BundleError, SignatureError, NotSupported, and whatever the family does;
    no predictor stays open then.
    """
    try:
        store = store_of(application)
        if not store.has(wanted.digest):
            raise BundleMissing(f"The bundle {wanted.digest} is not on this host.")
        bundle = store.open(wanted.digest)
    except BundleError as error:  # A store that is away comes back, and a damaged bundle may be put again.
        raise BundleMissing(error.detail) from error
    family = application.families.get(bundle.manifest.family)
    if family is None:
        name = bundle.manifest.family
        raise NotSupported(f"It is of family {name}, {application.families.missing(name)}.")
    require_trust(application, family, wanted.digest)
    require_survivor(application, bundle)
    loaded = load_bundle(application, family, bundle, {"model": wanted.model, "version": wanted.version})
    try:
        prove(loaded)
    except BaseException:
        loaded.close()
        raise
    return loaded


def require_survivor(application: Application, bundle: Bundle, *, proved: bool = True) -> None:
    """Where the INI says so, load it first in a process of its own, which may die of it. Raises VerificationFailed.

    Unless it must be `proved`, its golden predictions need not come out right there.
    """
    if not application.settings["mlserve.load.verify"]:
        return
    from mlserve.packaging import verify  # It loads bundles by this module.

    verdict = verify(bundle.folder, trust=True, application=application)
    if verdict.died or (proved and verdict.faults):
        raise VerificationFailed(f"Tried in a process of its own: {verdict.faults[0]}")


def is_trusted(application: Application, family: ModelFamily, digest: str) -> bool:
    """Whether it may be loaded: code of an artefact runs only where the operator has listed its digest."""
    return not family.runs_code or digest in application.settings["mlserve.trust.digests"]


def require_trust(application: Application, family: ModelFamily, digest: str) -> None:
    """Raises NotSupported for what is not trusted."""
    if not is_trusted(application, family, digest):
        raise NotSupported(f"Loading it runs code that it brings, and mlserve.trust.digests does not list {digest}.")


@giving_way
def prove(loaded: LoadedVersion) -> None:
    """Ask the golden predictions again; a version without any answers its example once, to be warm.

    Raises VerificationFailed.
    """
    golden = loaded.manifest["content"]["golden"]
    if not golden:
        _warm_up(loaded)
        return
    try:
        found = replay(loaded, golden)
    except MlserveError as error:
        raise VerificationFailed(f"Its golden predictions cannot be answered: {error.detail}") from error
    differences = found.differences
    if differences:
        told = "; ".join(str(difference) for difference in differences[:_TOLD])
        more = f" and {len(differences) - _TOLD} more" if len(differences) > _TOLD else ""
        raise VerificationFailed(f"It does not answer its golden predictions as its bundle says: {told}{more}.")
    if found.deviation:
        lineage = loaded.lineage
        fields = {"model": lineage.model, "version": lineage.version, "digest": lineage.digest}
        log.info("golden_inexact", extra={"fields": {**fields, "deviation": found.deviation}})


def _warm_up(loaded: LoadedVersion) -> None:
    """The first answer of a model takes longest. An example proves nothing, so that a refusal of it is no failure."""
    try:
        example = msgspec.json.encode([example_instance(loaded.signature)])
        loaded.predict(loaded.decoder.decode(example, None))
    except MlserveError:
        return
