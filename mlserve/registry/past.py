"""Versions that are not live any more, loaded again off the live models: to ask a past prediction's own bundle."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from mlserve.application import Application
from mlserve.errors import MlserveError, ModelNotReady, NotSupported, StoreUnavailable, VersionRetired
from mlserve.faults import ends_process
from mlserve.inference import LoadedVersion
from mlserve.registry import service
from mlserve.registry.being_loaded import BeingLoaded
from mlserve.registry.loading import (
    VerificationFailed,
    giving_way,
    is_trusted,
    load_bundle,
    prove,
    require_survivor,
    store_of,
)
from mlserve.registry.registered import Known
from mlserve.turns import Turns

log = logging.getLogger("mlserve.registry")

# How many are in memory at once, for how many seconds a request waits for one, and after how many it gives up its room.
ROOM = 2
PATIENCE = 10.0
LATE = 60.0


@dataclass(frozen=True)
class Past:
    """What names a version, as each prediction's lineage does."""

    model: str
    version: int
    digest: str
    family: str


@dataclass(eq=False)
class _Place:
    """Room for one version: who uses it, or waits until it is loaded, and since when it has been on its way."""

    being: BeingLoaded
    begun: float
    users: int = 0
    given_up: bool = False


class PastVersions:
    """A few loaded versions, the least recently used of which makes room for another once nobody uses it.

    Requests that want the same one at once load it once, in a thread of its own, and wait for `patience` seconds. One
    that takes longer than `late` seconds gives its room to others.
    """

    def __init__(
        self,
        load: Callable[[Past], LoadedVersion],
        room: int = ROOM,
        patience: float = PATIENCE,
        late: float = LATE,
        turns: Turns | None = None,
    ) -> None:
        self._load = load
        self._turns = turns or Turns()
        self._room = room
        self._patience = patience
        self._late = late
        self._places: dict[Past, _Place] = {}  # the least recently used first
        self._hanging: dict[Past, BeingLoaded] = {}  # closed when they arrive, and begun anew not before
        self._changed = threading.Condition()
        self._open = True
        self._proofs: dict[str, str] = {}  # by digest: what speaks against it, or nothing

    @contextmanager
    def using(self, past: Past) -> Iterator[LoadedVersion]:
        """The loaded version, which stays so as long as the block runs.

        Raises ModelNotReady where there is no room, or it is not loaded, in time, and what `load` raises.
        """
        end = time.monotonic() + self._patience
        with ExitStack() as stack:
            place = self._loaded(past)
            if place is None:
                with self._turns.aside():
                    place = self._enter(past, end)
                    stack.callback(self._leave, place)
                    place.being.wait(end - time.monotonic())
            else:
                stack.callback(self._leave, place)
            yield self._arrived(past, place, end)

    def require_proof(self, loaded: LoadedVersion) -> None:
        """Let callers be answered by a version only if its golden predictions come out right; asked once.

        Raises ModelNotReady.
        """
        proof = self._proofs.get(loaded.lineage.digest)
        if proof is None:
            try:
                with self._turns.taken():
                    prove(loaded)
                proof = ""
            except VerificationFailed as error:
                proof = error.detail
            self._proofs[loaded.lineage.digest] = proof
        if proof:
            lineage = loaded.lineage
            raise ModelNotReady(f"Version {lineage.version} of model {lineage.model} must not answer: {proof}")

    def close(self) -> None:
        """Close all of them, and every one that is still being loaded as soon as it is."""
        with self._changed:
            self._open = False
            places, self._places = self._places, {}
            self._changed.notify_all()
        for place in places.values():
            place.being.abandon()

    def _loaded(self, past: Past) -> _Place | None:
        """The place of a version that is there, so that nobody waits for it; None where it is not."""
        with self._changed:
            place = self._places.get(past)
            if place is None or not place.being.done:
                return None
            self._places[past] = self._places.pop(past)
            place.users += 1
            return place

    def _enter(self, past: Past, end: float) -> _Place:
        """A place for a version, loaded or on its way. Raises ModelNotReady."""
        with self._changed:
            while True:
                if not self._open:
                    raise ModelNotReady("The server is stopping.", retry_after=5)
                self._clear()
                if past in self._hanging:
                    raise self._not_loaded(past, f"it has been loading for more than {self._late:g} s")
                place = self._places.pop(past, None)
                if place is None and self._make_room():
                    name = f"{past.model}-{past.version}"
                    place = _Place(BeingLoaded(partial(self._load, past), name), time.monotonic())
                if place is not None:
                    self._places[past] = place
                    place.users += 1
                    return place
                if not self._changed.wait(end - time.monotonic()):
                    raise ModelNotReady("Other past versions are being asked; try again.", retry_after=5)

    def _arrived(self, past: Past, place: _Place, end: float) -> LoadedVersion:
        done = place.being.wait(max(0.0, end - time.monotonic()))
        with self._changed:
            if not self._open:
                raise ModelNotReady("The server is stopping.", retry_after=5)
            if not done or place.given_up:
                raise self._not_loaded(past, "it is being loaded")
            if place.being.error is not None and self._places.get(past) is place:
                del self._places[past]
                self._changed.notify_all()
        return place.being.result()

    def _leave(self, place: _Place) -> None:
        with self._changed:
            place.users -= 1
            self._changed.notify_all()

    def _clear(self) -> None:
        """What takes too long gives up its room; it is tried again once it has come to an end."""
        now = time.monotonic()
        self._hanging = {past: being for past, being in self._hanging.items() if not being.done}
        for past, place in [*self._places.items()]:
            if not place.being.done and now - place.begun > self._late:
                self._hanging[past] = self._places.pop(past).being
                place.given_up = True
                place.being.abandon()
                fields = {"model": past.model, "version": past.version, "digest": past.digest}
                log.warning("version_late", extra={"fields": {**fields, "seconds": self._late}})

    def _make_room(self) -> bool:
        """Whether there is room for one more, after one that nobody uses was closed where that was needed."""
        if len(self._places) < self._room:
            return True
        idle = next((past for past, place in self._places.items() if not place.users and place.being.done), None)
        if idle is None:
            return False
        # Nobody is inside, so this waits for nothing; and its memory is free before more is taken.
        self._places.pop(idle).being.abandon()
        return True

    @staticmethod
    def _not_loaded(past: Past, why: str) -> ModelNotReady:
        return ModelNotReady(f"Version {past.version} of model {past.model} is not ready: {why}.", retry_after=5)


@giving_way
def load_past(application: Application, past: Past) -> LoadedVersion:
    """Load a version from the bundles of this host, or of the store that it shares.

    Raises NotSupported where that cannot be, StoreUnavailable where it cannot be now.
    """
    named = f"Version {past.version} of model {past.model}"
    family = application.families.get(past.family)
    if family is None:
        raise NotSupported(f"{named} is of family {past.family}, {application.families.missing(past.family)}.")
    if not is_trusted(application, family, past.digest):
        raise NotSupported(f"{named} runs code when it is loaded, and mlserve.trust.digests does not list its bundle.")
    try:
        store = store_of(application)
        if not store.has(past.digest):
            raise NotSupported(f"{named} does not answer any more, and its bundle {past.digest} is not on this host.")
        identity = {"model": past.model, "version": past.version}
        bundle = store.open(past.digest)
        require_survivor(application, bundle, proved=False)
        return load_bundle(application, family, bundle, identity)
    except StoreUnavailable as error:
        log.error("store_unavailable", extra={"fields": {"reason": error.detail}})
        # Where the store is and how it fails is its operator's business.
        raise StoreUnavailable(
            f"{named} is not loaded, and the store of bundles cannot be reached: try again.", retry_after=5
        ) from error
    except BaseException as error:
        if ends_process(error) or isinstance(error, NotSupported):
            raise
        # What was kept of its predictions is as good as before, so that this is no failure of the request for one.
        known = error if isinstance(error, MlserveError) else None
        reason = f"loading it raised {type(error).__name__}" if known is None else known.detail
        fields = {"model": past.model, "version": past.version, "digest": past.digest, "reason": reason}
        log.error("past_version_unusable", extra={"fields": fields}, exc_info=error if known is None else None)
        raise NotSupported(
            f"{named} cannot be loaded from its bundle {past.digest}: the server's log says why."
        ) from error


@contextmanager
def using_version(application: Application, past: Past) -> Iterator[LoadedVersion]:
    """A version: a live one if it is that, else loaded from its bundle. Raises what `load_past` and `using` raise."""
    with ExitStack() as stack:
        live = _live(application, past.model, past.version, stack)
        if live is None or live.lineage.digest != past.digest:
            live = stack.enter_context(application.past.using(past))
        yield live


@contextmanager
def using_number(application: Application, model: str, number: int) -> Iterator[LoadedVersion]:
    """A version that a caller asks by its number, proved as those that aliases name.

    Raises VersionUnknown, VersionRetired, what `load_past` and `using` raise, and DatabaseUnavailable for a number that
    this process has not heard of.
    """
    with ExitStack() as stack:
        live = _live(application, model, number, stack)
        if live is None:
            known = _known(application, model, number)
            live = stack.enter_context(application.past.using(Past(model, number, known.digest, known.family)))
            application.past.require_proof(live)
        yield live


def _live(application: Application, model: str, number: int, stack: ExitStack) -> LoadedVersion | None:
    """The version that an alias leads to, held open by `stack`; None where there is none, or it was just closed."""
    found = application.live.find(model)
    loaded = None if found is None else found.version(number)
    if loaded is not None:
        try:
            stack.enter_context(loaded.users)
        except ModelNotReady:
            return None
    return loaded


def _known(application: Application, model: str, number: int) -> Known:
    """What the registry says of a version. Raises VersionUnknown, VersionRetired, DatabaseUnavailable."""
    known = application.registry.registered.version(model, number)
    if known is None:
        with application.turns.aside(), application.database.read() as connection:
            row = service.version(connection, model, number)
        known = Known(row["digest"], row["family"], row["retired_at"] is not None)
    if known.retired:
        raise VersionRetired(f"Version {number} of model {model} is retired.")
    return known
