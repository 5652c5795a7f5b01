"""Brings this process's live models to what the registry says: loads off the hot path, swaps, drains, closes."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from mlserve.application import Application
from mlserve.errors import MlserveError
from mlserve.inference import LiveModel, LoadedVersion
from mlserve.inference.live import ModelState, VersionStatus
from mlserve.names import CHAMPION
from mlserve.registry.being_loaded import BeingLoaded
from mlserve.registry.loading import BundleMissing, load_verified
from mlserve.registry.registered import Known, Registered, Wanted

log = logging.getLogger("mlserve.registry")

# A request has found its version a moment before it uses it: so long, in seconds, one that is swapped out stays open.
GRACE = 1.0
# How soon a missing bundle is looked for again, and how seldom in the end, in seconds.
SOONEST, SELDOMEST = 1.0, 30.0


@dataclass
class _Failure:
    """Why a version cannot answer here; `again` is the time.monotonic() of the next try, None: there is none."""

    reason: str
    pause: float = 0.0
    again: float | None = None


@dataclass
class _Leaving:
    """A version that no alias leads to any more, open until time.monotonic() has passed `until` and nobody uses it."""

    loaded: LoadedVersion
    until: float


class Swapper:
    """One per process. Its methods are called by one thread at a time: the start's, then the watcher's."""

    def __init__(
        self,
        application: Application,
        load: Callable[[Application, Wanted], LoadedVersion] = load_verified,
        grace: float = GRACE,
    ) -> None:
        self._application = application
        self._load = load
        self._grace = grace
        self._loaded: dict[Wanted, LoadedVersion] = {}
        self._failures: dict[Wanted, _Failure] = {}
        self._late: dict[Wanted, BeingLoaded] = {}  # still on their way, while all others are seen to
        self._patience: float = application.settings["mlserve.load.patience"]
        self._leaving: list[_Leaving] = []
        self._loading: Wanted | None = None
        self._lock = threading.Lock()
        self._closed = False

    def prepare(self, wanted: Wanted) -> LoadedVersion | None:
        """Load a version that is about to be wanted; None where that takes too long, and goes on.

        Raises what `load_verified` raises.
        """
        loaded = self._loaded.get(wanted)
        if loaded is None and wanted not in self._late:
            being = self._begin(wanted)
            if being is not None:
                loaded = being.result()
                self._take_in(wanted, loaded)
        return loaded

    def settle(self, registered: Registered) -> None:
        """Let every alias lead to its version: at once where that is loaded, else as soon as it is.

        A version that cannot be loaded leaves the alias where it was, and is tried again where that may help.
        """
        registered = self._of_this_host(registered)
        wanted = [*_wanted(registered)]
        self._failures = {one: failure for one, failure in self._failures.items() if one in wanted}
        self._take_back(wanted)
        self._take_late(wanted)
        self._publish(registered)
        for one in wanted:
            if self._closed:
                return
            if one not in self._loaded and one not in self._late and self._is_due(one):
                self._bring(one, registered)
        self._drop_unused(wanted)

    def _of_this_host(self, registered: Registered) -> Registered:
        """Without the aliases of versions whose family is not enabled: other servers answer by those.

        Where this one answers for the alias, or its INI declares the model, it stays: such a version fails here, which
        takes nothing away from callers.
        """
        foreign = aliases_not_enabled(self._application, registered)
        aliases = {
            model: {
                alias: number
                for alias, number in named.items()
                if alias not in foreign.get(model, ()) or self._answers_for(model, alias)
            }
            for model, named in registered.aliases.items()
        }
        return replace(registered, aliases=aliases)

    def _answers_for(self, model: str, alias: str) -> bool:
        live = self._application.live.find(model)
        answered = live is not None and (live.champion if alias == CHAMPION else live.aliases.get(alias)) is not None
        return answered or model in self._application.settings.model_names

    def tend(self) -> None:
        """Close what nobody uses any more; to be called now and then."""
        now = time.monotonic()
        for one in self._leaving:
            if one.until <= now:
                one.loaded.users.refuse_new()
        left = [one for one in self._leaving if one.until > now or not one.loaded.close(0)]
        if len(left) < len(self._leaving):
            gone = [one.loaded.lineage for one in self._leaving if one not in left]
            self._leaving = left
            for name in {lineage.model for lineage in gone}:
                self._restate(name)
            for lineage in gone:
                log.info("version_closed", extra={"fields": {"model": lineage.model, "version": lineage.version}})

    @property
    def pending(self) -> bool:
        """Whether a version is to be tried again, or a late one has arrived."""
        again = any(failure.again is not None for failure in self._failures.values())
        return again or any(being.done for being in self._late.values())

    def close(self) -> None:
        """Close every version; one that is being loaded is closed as soon as it is."""
        with self._lock:
            self._closed = True
            loaded = [*self._loaded.values(), *(one.loaded for one in self._leaving)]
            self._loaded, self._leaving = {}, []
            late, self._late = self._late, {}
        for being in late.values():
            being.abandon()
        for version in loaded:
            version.close()

    def _is_due(self, wanted: Wanted) -> bool:
        failure = self._failures.get(wanted)
        return failure is None or (failure.again is not None and failure.again <= time.monotonic())

    def _bring(self, wanted: Wanted, registered: Registered) -> None:
        """Load a version and let its aliases lead to it, or say why not."""
        self._loading = wanted
        self._publish(registered, wanted.model)
        try:
            being = self._begin(wanted)
            if being is not None:
                self._arrived(wanted, being)
        finally:
            self._loading = None
        self._publish(registered, wanted.model)

    def _begin(self, wanted: Wanted) -> BeingLoaded | None:
        """Begin to load, and wait for it; None where it is late: the others must not wait for one that hangs."""
        name = f"{wanted.model}-{wanted.version}"
        being = BeingLoaded(partial(self._load, self._application, wanted), name)
        if being.wait(self._patience):
            return being
        with self._lock:
            if not self._closed:
                self._late[wanted] = being
        if self._closed:
            being.abandon()
        fields = {"model": wanted.model, "version": wanted.version, "digest": wanted.digest}
        log.warning("version_late", extra={"fields": {**fields, "seconds": self._patience}})
        return None

    def _arrived(self, wanted: Wanted, being: BeingLoaded) -> None:
        if being.error is not None:  # Whatever a family raises, the others are served on.
            self._failed(wanted, being.error)
            return
        self._take_in(wanted, being.result())
        self._failures.pop(wanted, None)

    def _take_in(self, wanted: Wanted, loaded: LoadedVersion) -> None:
        """From now on it is there; what comes after the end is closed."""
        with self._lock:
            if not self._closed:
                self._loaded[wanted] = loaded
                return
        loaded.close()

    def _take_late(self, wanted: Iterable[Wanted]) -> None:
        """What was late and has arrived answers now; what nobody wants any more is closed when it arrives."""
        with self._lock:  # The end may come meanwhile, and takes all that are left.
            gone = [self._late.pop(one) for one in [*self._late] if one not in wanted]
            arrived = [(one, self._late.pop(one)) for one, being in [*self._late.items()] if being.done]
        for being in gone:
            being.abandon()
        for one, being in arrived:
            self._arrived(one, being)

    def _failed(self, wanted: Wanted, error: BaseException) -> None:
        before = self._failures.get(wanted)
        fields = {"model": wanted.model, "version": wanted.version, "digest": wanted.digest}
        reason = error.detail if isinstance(error, MlserveError) else f"loading it raised {type(error).__name__}"
        if isinstance(error, BundleMissing):
            pause = SOONEST if before is None else min(2 * before.pause, SELDOMEST)
            self._failures[wanted] = _Failure(reason, pause, time.monotonic() + pause)
        else:
            self._failures[wanted] = _Failure(reason)
        if before is None:
            unknown = None if isinstance(error, MlserveError) else error
            log.error("version_failed", extra={"fields": {**fields, "reason": reason}}, exc_info=unknown)

    def _take_back(self, wanted: Iterable[Wanted]) -> None:
        """What is wanted again before it was closed, as after a rollback, need not be loaded."""
        with self._lock:
            for one in [one for one in self._leaving if not one.loaded.users.refused]:
                lineage = one.loaded.lineage
                named = Wanted(lineage.model, lineage.version, lineage.digest)
                if named in wanted:
                    self._leaving.remove(one)
                    self._loaded[named] = one.loaded

    def _drop_unused(self, wanted: Iterable[Wanted]) -> None:
        """What no alias leads to here, and none will: it drains, and is closed by `tend`."""
        used = {id(version) for model in self._application.live for version in model.versions}
        with self._lock:
            unused = [one for one, loaded in self._loaded.items() if one not in wanted and id(loaded) not in used]
            self._leaving += [_Leaving(self._loaded.pop(one), time.monotonic() + self._grace) for one in unused]
        for one in unused:
            self._restate(one.model)

    def _publish(self, registered: Registered, name: str | None = None) -> None:
        """Put the live models (or one) as they are now: each alias with its version, where it is loaded."""
        live = self._application.live
        faults = self._application.faults.not_as_declared
        names = {*registered.aliases, *faults, *(model.name for model in live)} if name is None else {name}
        for one in names:
            before = live.find(one)
            aliases = registered.aliases.get(one, {})
            if not aliases and one not in faults:
                if before is not None:
                    live.remove(one)
                continue
            # One that is not even registered is told of all the same: its callers get no 404.
            model = self._model(one, aliases, registered, before) if aliases else LiveModel(one, "", reason=faults[one])
            if before is None or not _same(before, model):
                live.put(model)
                _tell(before, model)

    def _model(
        self, name: str, named: Mapping[str, int], registered: Registered, before: LiveModel | None
    ) -> LiveModel:
        had = {} if before is None else {**before.aliases, CHAMPION: before.champion}
        found = {alias: self._loaded.get(registered.wanted(name, number)) for alias, number in named.items()}
        leads = {alias: loaded or had.get(alias) for alias, loaded in found.items()}
        champion = leads.pop(CHAMPION, None)
        others = {alias: loaded for alias, loaded in leads.items() if loaded is not None}
        statuses = self._statuses(name)
        reason, without = _without_champion(named, statuses)
        family = _family(champion, others, named, registered.versions[name])
        return LiveModel(name, family, champion, reason, without, others, dict(named), statuses)

    def _statuses(self, name: str) -> dict[int, VersionStatus]:
        """How each version of a model is doing here; what is loaded says so, whatever else it was before."""
        leaving = [one.loaded.lineage for one in self._leaving]
        found = {it.version: VersionStatus("draining") for it in leaving if it.model == name}
        for one, failure in self._failures.items():
            if one.model == name:
                found[one.version] = VersionStatus("failed", failure.reason)
        for one in self._late:
            if one.model == name:
                found[one.version] = VersionStatus(
                    "loading", f"It has been loading for more than {self._patience:g} s."
                )
        if self._loading is not None and self._loading.model == name:
            found[self._loading.version] = VersionStatus("loading")
        found |= {one.version: VersionStatus("ready") for one in self._loaded if one.model == name}
        return found

    def _restate(self, name: str) -> None:
        """Say anew how the versions of a model are doing, and change nothing else."""
        model = self._application.live.find(name)
        if model is not None:
            self._application.live.put(replace(model, statuses=self._statuses(name)))


def aliases_not_enabled(application: Application, registered: Registered) -> dict[str, dict[str, str]]:
    """By model and alias, the families of named versions that no enabled plugin brings, nor one that has failed."""
    enabled = {"", *(family.name for family in application.families)}  # "": a snapshot may not know it.
    found = {
        model: {
            alias: family
            for alias, number in named.items()
            if (family := registered.versions[model][number].family) not in enabled
            and not application.families.has_failed(family)
        }
        for model, named in registered.aliases.items()
    }
    return {model: families for model, families in found.items() if families}


def _wanted(registered: Registered) -> Iterator[Wanted]:
    """What aliases name, each once; champions first, because callers who say nothing ask for them."""
    order = sorted((alias != CHAMPION, model, alias) for model, named in registered.aliases.items() for alias in named)
    found = (registered.wanted(model, registered.aliases[model][alias]) for _, model, alias in order)
    yield from dict.fromkeys(found)


def _without_champion(named: Mapping[str, int], statuses: Mapping[int, VersionStatus]) -> tuple[str, ModelState]:
    """Why a model has no champion, if it has none, and what state that is."""
    if CHAMPION not in named:
        return f"no version is its {CHAMPION}.", "idle"
    status = statuses.get(named[CHAMPION])
    if status is None or status.state != "failed":
        return f"version {named[CHAMPION]} is being loaded.", "loading"
    return f"version {named[CHAMPION]} cannot be loaded: {status.reason}", "failed"


def _family(
    champion: LoadedVersion | None,
    others: Mapping[str, LoadedVersion],
    named: Mapping[str, int],
    versions: Mapping[int, Known],
) -> str:
    """Of the champion, whether it is loaded or not; else of any version that an alias names."""
    if champion is not None:
        return champion.lineage.family
    number = named.get(CHAMPION, min(named.values()))
    loaded = next((one.lineage.family for one in others.values() if one.lineage.version == number), "")
    return loaded or versions[number].family


def _same(one: LiveModel, other: LiveModel) -> bool:
    """Also in what does not count where models are compared."""
    return one == other and (one.aliases, one.named, one.statuses) == (other.aliases, other.named, other.statuses)


def _tell(before: LiveModel | None, now: LiveModel) -> None:
    """Log the versions that answer from now on."""
    known = () if before is None else before.versions
    for version in now.versions:
        if version not in known:
            it = version.lineage
            fields = {"model": it.model, "version": it.version, "digest": it.digest}
            log.info("version_loaded", extra={"fields": {**fields, "family": it.family, "engine": it.engine}})
