"""Loading a version out of its bundle, with what the application knows of its family."""

from collections.abc import Mapping
from typing import Any

from mlserve.application import Application
from mlserve.bundles import BundleStore
from mlserve.inference import LoadedVersion, ModelFamily
from mlserve.inference.loaded import load_version


def store_of(application: Application) -> BundleStore:
    """The bundles of this host."""
    return BundleStore(application.var / "bundles")


def load_bundle(
    application: Application, family: ModelFamily, digest: str, identity: Mapping[str, Any]
) -> LoadedVersion:
    """Load the bundle of that digest; `identity` is the model and the version. Raises BundleError, SignatureError."""
    bundle = store_of(application).open(digest)
    return load_version(
        family,
        bundle.artefact,
        identity={**identity, "digest": digest, "plugin": application.families.plugin_of(family.name)},
        signature=bundle.manifest.signature,
        manifest=bundle.manifest.to_json(),
        settings=application.settings.section(f"mlserve.{family.name}"),
        limits=application.limits,
        count_fallback=lambda: application.counters.add("decoder_fallbacks"),
    )
