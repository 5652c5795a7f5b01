"""The models that the INI declares: packed into bundles, registered when their digest is new, and loaded."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from mlserve.application import Application
from mlserve.bundles import BundleStore, Manifest
from mlserve.db.failures import reason_of
from mlserve.errors import (
    BundleError,
    ConfigurationError,
    DatabaseUnavailable,
    MlserveError,
    PluginFailed,
    SignatureError,
    StoreUnavailable,
)
from mlserve.events import Author
from mlserve.faults import ends_process
from mlserve.inference import ModelFamily
from mlserve.names import CHAMPION
from mlserve.registry import aliases, service
from mlserve.registry.bringing import bring, is_bundle, register_kept
from mlserve.registry.loading import host_store, is_trusted, load_bundle, prove, store_of
from mlserve.registry.registered import Registered, Wanted, read_registered
from mlserve.registry.snapshot import Snapshot, now_text
from mlserve.registry.swapping import Swapper
from mlserve.registry.watcher import Watcher
from mlserve.signature import Signature

log = logging.getLogger("mlserve.registry")

# Who has changed what the INI declares, in the events.
ACTOR = "ini"


@dataclass(frozen=True)
class _Declared:
    """A model that the INI declares, packed."""

    name: str
    path: Path
    manifest: Manifest


def load_declared(application: Application) -> None:
    """Register what the INI declares, and bring to life what the registry's aliases name.

    `application.registry` watches over it from then on. Raises ConfigurationError naming the key of a model that cannot
    be served; where that is the fault of a plugin, the others are served without it.
    """
    snapshot = Snapshot(application.var / "registry.json")
    swapper = Swapper(application)
    application.at_stop(swapper.close)
    declared = []
    for name, path in application.settings.models.items():
        with _contained(application, name):
            declared.append(_packed(application, name, path))
    registered = _registered(application, swapper, snapshot, declared)
    for one in declared:
        # What would be a failed version later stops the start, which names the key.
        number = registered.aliases.get(one.name, {}).get(CHAMPION)
        if number is not None and registered.versions[one.name][number].digest == one.manifest.digest:
            with _contained(application, one.name), _named(one.name, one.path, one.manifest.family):
                swapper.prepare(Wanted(one.name, number, one.manifest.digest))
    snapshot.write()
    digests = {one.name: one.manifest.digest for one in declared}
    clear = partial(_clear, application, digests, _champions(registered))
    application.registry = Watcher(
        application,
        swapper,
        application.settings["mlserve.registry.interval"],
        on_change=partial(_follow, snapshot, clear),
        on_return=partial(_return, application, swapper, snapshot, declared),
    )
    application.registry.begin(registered)
    clear(registered)


def _packed(application: Application, name: str, path: Path) -> _Declared:
    with _named(name, path, _reader(application, name, path)):
        family, manifest = _brought(application, path, f"mlserve.models.{name}")
        _require_trust(application, family, name, path, manifest)
    return _Declared(name, path, manifest)


def _brought(application: Application, path: Path, key: str) -> tuple[ModelFamily, Manifest]:
    """Packed into the store; while that cannot be reached into this host's own, which is enough for a known version."""
    try:
        return bring(application, path, key, store_of(application))
    except StoreUnavailable as error:
        log.error("store_unavailable", extra={"fields": {"reason": error.detail}})
        return bring(application, path, key, host_store(application))


def _registered(
    application: Application, swapper: Swapper, snapshot: Snapshot, declared: list[_Declared]
) -> Registered:
    """What the registry says once all that is declared is in it; without the database, what this host knows of it."""
    try:
        for one in declared:
            with _contained(application, one.name):
                _declare(application, swapper, snapshot, one)
        with application.database.read() as connection:
            registered = read_registered(connection)
    except DatabaseUnavailable as error:
        return _remembered(application, snapshot, declared, error)
    snapshot.keep(registered)
    return registered


def _declare(application: Application, swapper: Swapper, snapshot: Snapshot, one: _Declared) -> None:
    """Register a declared bundle; where the declaration is new, the champion is that version from now on.

    A declaration is new where neither the database nor this host has seen it last: a restart undoes no promotion, nor
    does one of a host whose INI is older than another's.
    """
    digest = one.manifest.digest
    author = Author(actor=ACTOR, reason=f"mlserve.models.{one.name}")
    with _named(one.name, one.path), application.database.write() as connection:
        number = register_kept(connection, one.name, one.manifest, store_of(application), author)
        last = service.declared(connection, one.name)
    if last is None or digest not in (last, snapshot.declared.get(one.name)):
        # Whatever a bundle that cannot be loaded is declared for, no host is led to it.
        with _named(one.name, one.path, one.manifest.family):
            if swapper.prepare(Wanted(one.name, number, digest)) is None and last is not None:
                raise PluginFailed(
                    f"mlserve.models.{one.name} = {one.path} takes longer to load than mlserve.load.patience allows: "
                    "what was declared before answers on."
                )
        with application.database.write() as connection:
            service.declare(connection, one.name, digest)
            aliases.move(connection, one.name, CHAMPION, number, author=author, force=True)
    snapshot.declared[one.name] = digest
    application.faults.not_as_declared.pop(one.name, None)


def _remembered(
    application: Application, snapshot: Snapshot, declared: list[_Declared], error: DatabaseUnavailable
) -> Registered:
    """What this host has seen of the registry. Raises ConfigurationError for a bundle that it has never served."""
    application.stale_since = snapshot.written_at or now_text()
    registered = snapshot.registered()
    named = {model: dict(aliases) for model, aliases in registered.aliases.items()}
    for one in declared:
        number = snapshot.number(one.name, one.manifest.digest)
        if number is None:
            raise ConfigurationError(
                f"The database of mlserve.database.url cannot be reached ({reason_of(error)}), and this host has never "
                f"served this bundle of model {one.name}: start the database."
            ) from error
        number = named.setdefault(one.name, {}).setdefault(CHAMPION, number)
        fields = {"model": one.name, "version": number, "since": application.stale_since}
        log.warning("registry_stale", extra={"fields": fields})
    return Registered(versions=registered.versions, aliases=named)


def _return(application: Application, swapper: Swapper, snapshot: Snapshot, declared: list[_Declared]) -> None:
    """The database is back: what was declared meanwhile is registered now. Raises DatabaseUnavailable."""
    try:
        for one in declared:
            with _contained(application, one.name):
                _declare(application, swapper, snapshot, one)
    except ConfigurationError as error:
        log.error("declaration_failed", extra={"fields": {"reason": error.detail}})
    log.info("registry_confirmed", extra={"fields": {"since": application.stale_since}})
    application.stale_since = None


def _follow(snapshot: Snapshot, clear: Callable[[Registered], None], registered: Registered) -> None:
    _keep(snapshot, registered)
    clear(registered)


def _clear(
    application: Application, digests: Mapping[str, str], before: Mapping[str, int], registered: Registered
) -> None:
    """Forget what a declaration has failed at, once the model answers by what is declared, at a second try.

    So too once somebody has moved or removed its champion, which is told by `before`: what fails from then on is no
    fault of the declaration.
    """
    faults, now = application.faults.not_as_declared, _champions(registered)
    for name in [*faults]:
        live = application.live.find(name)
        champion = None if live is None else live.champion
        met = champion is not None and champion.lineage.digest == digests.get(name)
        if met or now.get(name) != before.get(name):
            del faults[name]


def _champions(registered: Registered) -> dict[str, int]:
    """The number of each model's champion, as the registry says."""
    return {model: named[CHAMPION] for model, named in registered.aliases.items() if CHAMPION in named}


def _keep(snapshot: Snapshot, registered: Registered) -> None:
    """Write the host's copy of the registry anew. A disk that takes no more stops nothing that answers."""
    snapshot.keep(registered)
    try:
        snapshot.write()
    except ConfigurationError as error:
        log.error("registry_unwritable", extra={"fields": {"reason": error.detail}})


def examine(application: Application, name: str, path: Path) -> Signature:
    """Load and prove a declared model and close it again; nothing is kept. Raises ConfigurationError naming its key."""
    with _named(name, path, _reader(application, name, path)), TemporaryDirectory() as folder:
        store = BundleStore(Path(folder))
        family, manifest = bring(application, path, f"mlserve.models.{name}", store)
        _require_trust(application, family, name, path, manifest)
        loaded = load_bundle(application, family, store.open(manifest.digest), {"model": name, "version": 0})
        try:
            prove(loaded)
            return loaded.signature
        finally:
            loaded.close()


def family_of(application: Application, name: str, path: Path) -> ModelFamily:
    """The family of a declared model. Raises ConfigurationError naming its key."""
    key = f"mlserve.models.{name}"
    if not is_bundle(path):
        return application.families.reading(path.suffix, key)
    with _named(name, path), TemporaryDirectory() as folder:
        return bring(application, path, key, BundleStore(Path(folder)))[0]


def _require_trust(application: Application, family: ModelFamily, name: str, path: Path, manifest: Manifest) -> None:
    """Code of an artefact runs only where the operator has listed its digest. Raises ConfigurationError."""
    if not is_trusted(application, family, manifest.digest):
        raise ConfigurationError(
            f"mlserve.models.{name} = {path} is not loaded: loading a {path.suffix} file runs code that it brings; if "
            f"you trust where it comes from, add its digest {manifest.digest} to mlserve.trust.digests."
        )


def _reader(application: Application, name: str, path: Path) -> str:
    """The name of the family that reads a declared model file; of a bundle "", since its manifest is not read yet.

    Raises ConfigurationError.
    """
    return "" if is_bundle(path) else application.families.reading(path.suffix, f"mlserve.models.{name}").name


@contextmanager
def _named(name: str, path: Path, family: str | None = None) -> Iterator[None]:
    """What is wrong with an artefact is told with the key that declares it.

    Where a `family` is asked within, so is whatever it raises.
    """
    try:
        yield
    except (BundleError, SignatureError) as error:
        reason = str(error).rstrip(".")
        raise ConfigurationError(f"mlserve.models.{name} = {path} cannot be served: {reason}.") from error
    except BaseException as error:
        if family is None or isinstance(error, MlserveError) or ends_process(error):
            raise
        log.debug("family_failed", extra={"fields": {"model": name, "family": family}}, exc_info=error)
        who = f"the family {family}" if family else "its family"
        said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
        raise PluginFailed(f"mlserve.models.{name} = {path} cannot be served: {who} fails: {said}.") from error


@contextmanager
def _contained(application: Application, name: str) -> Iterator[None]:
    """What a plugin fails at with one declared model keeps no other from being served: it is told, and tried no more.

    The model's older champion, where the registry has one, answers on.
    """
    try:
        yield
    except PluginFailed as error:
        application.faults.not_as_declared[name] = error.detail
        log.error("declaration_failed", extra={"fields": {"reason": error.detail}}, exc_info=error.__cause__)
