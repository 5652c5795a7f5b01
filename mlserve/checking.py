"""Checks of a bundle with the installed plugins, and with a version of a registry to compare it with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from mlserve.application import Application
from mlserve.bundles import Bundle, Manifest
from mlserve.bundles.sample import Sample
from mlserve.checks import Asked, Check, Other, run
from mlserve.checks.check import timed
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import BundleError, MlserveError, NotSupported
from mlserve.inference import LoadedVersion
from mlserve.names import CHAMPION, counted
from mlserve.packaging import Verdict, application_with, load, opened, verify
from mlserve.registry import aliases, service
from mlserve.registry.loading import load_bundle, require_trust, store_of
from mlserve.signature import Signature

_TOLD: Final = 10


@dataclass(frozen=True)
class Report:
    """What became of the checks of a bundle; `manifest` is None where it is no sound bundle."""

    manifest: Manifest | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.state != "failed" for check in self.checks)


def check_bundle(
    path: Path,
    sample: Sample,
    asked: Asked,
    *,
    plugins: Sequence[str] = (),
    trust: bool = False,
    application: Application | None = None,
    other: Other | None = None,
) -> Report:
    """Run all checks of the bundle at `path`, a folder or an archive, with the rows of `sample`.

    Plugins and their settings are those of `application` where one is given, else the plugins named, else all installed
    ones, on their defaults. Without a target in `asked` it is the one that the bundle was measured with when it was
    packaged. Raises ConfigurationError.
    """
    with ExitStack() as stack:
        try:
            bundle = stack.enter_context(opened(path))
        except BundleError as error:
            return Report(None, (Check("bundle", "failed", f"{error} Nothing else was looked at."),))
        manifest = bundle.manifest
        if application is None:
            application = application_with(plugins)
        trust = trust or manifest.digest in application.settings["mlserve.trust.digests"]
        sound = Check("bundle", "passed", f"Every byte is as the digest {manifest.digest} says.")
        verdicts: list[Verdict] = []

        def ask_golden() -> Check:
            verdicts.append(verify(path, trust=trust, application=application))
            return _golden(verdicts[0])

        golden = timed("golden", ask_golden)
        asked = replace(asked, target=asked.target or target_of(manifest))
        died = golden if any(verdict.died for verdict in verdicts) else None
        load_here = partial(_loaded, bundle, application, trust, died)
        return Report(manifest, (sound, golden, *run(manifest.signature, load_here, sample, asked, other)))


def target_of(manifest: Manifest) -> str | None:
    """The column that the bundle's model was measured with when it was packaged."""
    target: str | None = manifest.metrics.get("measured", {}).get("target")
    return target


def version_of(application: Application, text: str) -> Other:
    """The version that `MODEL@ALIAS`, `MODEL@NUMBER` or `MODEL` (its champion) names in the registry of `application`.

    Raises ModelUnknown, AliasUnknown, VersionUnknown, DatabaseUnavailable.
    """
    model, _, named = text.partition("@")
    named = named or CHAMPION
    with opened_by_operator(application) as database, database.read() as connection:
        service.require(connection, model)
        number = counted(named) or aliases.get(connection, model, named).version
        row = service.version(connection, model, number)
        signature = Signature.from_json(row["signature"])
    name = f"{model}@{named}" if counted(named) else f"{model}@{named} (version {number})"
    return Other(name, signature, partial(_registered, application, row))


def _golden(verdict: Verdict) -> Check:
    if verdict.faults:
        count = "1 fault" if len(verdict.faults) == 1 else f"{len(verdict.faults)} faults"
        sentence = f"{count} with the golden predictions in a fresh process: {verdict.faults[0]}"
        return Check("golden", "failed", sentence, verdict.faults[1:_TOLD])
    if not verdict.rows:
        return Check("golden", "skipped", "The bundle has no golden predictions; it was loaded in a fresh process.")
    return Check("golden", "passed", f"{verdict.told}, in a fresh process.")


@contextmanager
def _loaded(bundle: Bundle, application: Application, trust: bool, died: Check | None) -> Iterator[LoadedVersion]:
    """The version in this process. Raises BundleError too where another process died of it: this one lives on."""
    if died is not None:
        raise BundleError(died.sentence)
    with closing(_whatever(lambda: load(bundle, application, trust))) as loaded:
        yield loaded


@contextmanager
def _registered(application: Application, row: Mapping[str, Any]) -> Iterator[LoadedVersion]:
    """A version of the registry, out of the bundles of this host. Raises MlserveError."""
    family = application.families.get(row["family"])
    if family is None:
        raise NotSupported(f"It is of family {row['family']}, which no enabled plugin brings.")
    require_trust(application, family, row["digest"])
    bundle, identity = store_of(application).open(row["digest"]), {"model": row["model"], "version": row["number"]}
    with closing(_whatever(lambda: load_bundle(application, family, bundle, identity))) as loaded:
        yield loaded


def _whatever(load_it: Callable[[], LoadedVersion]) -> LoadedVersion:
    """What a family raises of a model that it cannot load is a BundleError here."""
    try:
        return load_it()
    except MlserveError:
        raise
    except Exception as error:
        raise BundleError(f"The model cannot be loaded: {type(error).__name__}.") from error
