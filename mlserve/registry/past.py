"""Versions that are not live any more, loaded again off the live models: to ask a past prediction's own bundle."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from mlserve.application import Application
from mlserve.errors import (
    BundleError,
    ModelNotReady,
    NotSupported,
    SignatureError,
    StoreUnavailable,
    VersionRetired,
)
from mlserve.inference import LoadedVersion
from mlserve.registry import service
from mlserve.registry.loading import VerificationFailed, giving_way, is_trusted, load_bundle, prove, store_of
from mlserve.registry.registered import Known

log = logging.getLogger("mlserve.registry")

# How many are in memory at once, and for how many seconds a request waits for room.
ROOM = 2
PATIENCE = 10.0


@dataclass(frozen=True)
class Past:
    """What names a version, as each prediction's lineage does."""

    model: str
    version: int
    digest: str
    family: str


@dataclass(eq=False)
class _Place:
    """Room for one version: None while it is being loaded."""

    loaded: LoadedVersion | None = None
    users: int = 1


class PastVersions:
    """A few loaded versions, the least recently used of which makes room for another once nobody uses it.

    Requests that want the same one at once load it once. `load` may take its time: it is called without a lock.
    """

    def __init__(self, load: Callable[[Past], LoadedVersion], room: int = ROOM, patience: float = PATIENCE) -> None:
        self._load = load
        self._room = room
        self._patience = patience
        self._places: dict[Past, _Place] = {}  # the least recently used first
        self._changed = threading.Condition()
        self._open = True
        self._proofs: dict[str, str] = {}  # by digest: what speaks against it, or nothing

    @contextmanager
    def using(self, past: Past) -> Iterator[LoadedVersion]:
        """The loaded version, which stays so as long as the block runs.

        Raises ModelNotReady where there is no room in time, and what `load` raises.
        """
        place, loaded = self._enter(past)
        try:
            yield loaded
        finally:
            self._leave(place)

    def require_proof(self, loaded: LoadedVersion) -> None:
        """Let callers be answered by a version only if its golden predictions come out right; asked once.

        Raises ModelNotReady.
        """
        proof = self._proofs.get(loaded.lineage.digest)
        if proof is None:
            try:
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
            if place.loaded is not None:
                place.loaded.close()

    def _enter(self, past: Past) -> tuple[_Place, LoadedVersion]:
        end = time.monotonic() + self._patience
        with self._changed:
            while True:
                if not self._open:
                    raise ModelNotReady("The server is stopping.", retry_after=5)
                place = self._places.get(past)
                if place is not None and place.loaded is not None:
                    self._places[past] = self._places.pop(past)
                    place.users += 1
                    return place, place.loaded
                if place is None and self._make_room():
                    place = self._places[past] = _Place()
                    break
                if not self._changed.wait(end - time.monotonic()):
                    raise ModelNotReady("Other past versions are being asked; try again.", retry_after=5)
        return place, self._fill(past, place)

    def _fill(self, past: Past, place: _Place) -> LoadedVersion:
        try:
            loaded = self._load(past)
        except BaseException:
            with self._changed:
                self._places.pop(past, None)
                self._changed.notify_all()
            raise
        with self._changed:
            place.loaded = loaded
            still_open = self._open
            self._changed.notify_all()
        if not still_open:
            loaded.close()
        return loaded

    def _leave(self, place: _Place) -> None:
        with self._changed:
            place.users -= 1
            self._changed.notify_all()

    def _make_room(self) -> bool:
        """Whether there is room for one more, after one that nobody uses was closed where that was needed."""
        if len(self._places) < self._room:
            return True
        idle = next((past for past, place in self._places.items() if not place.users), None)
        if idle is None:
            return False
        loaded = self._places.pop(idle).loaded
        if loaded is not None:
            loaded.close()  # Nobody is inside, so this waits for nothing; and its memory is free before more is taken.
        return True


@giving_way
def load_past(application: Application, past: Past) -> LoadedVersion:
    """Load a version from the bundles of this host, or of the store that it shares.

    Raises NotSupported where that cannot be, StoreUnavailable where it cannot be now.
    """
    named = f"Version {past.version} of model {past.model}"
    family = application.families.get(past.family)
    if family is None:
        raise NotSupported(f"{named} is of family {past.family}, which no enabled plugin brings.")
    if not is_trusted(application, family, past.digest):
        raise NotSupported(f"{named} runs code when it is loaded, and mlserve.trust.digests does not list its bundle.")
    try:
        store = store_of(application)
        if not store.has(past.digest):
            raise NotSupported(f"{named} does not answer any more, and its bundle {past.digest} is not on this host.")
        identity = {"model": past.model, "version": past.version}
        return load_bundle(application, family, store.open(past.digest), identity)
    except StoreUnavailable as error:
        log.error("store_unavailable", extra={"fields": {"reason": error.detail}})
        # Where the store is and how it fails is its operator's business.
        raise StoreUnavailable(
            f"{named} is not loaded, and the store of bundles cannot be reached: try again.", retry_after=5
        ) from error
    except (BundleError, SignatureError) as error:
        # What was kept of its predictions is as good as before, so that this is no failure of the request for one.
        fields = {"model": past.model, "version": past.version, "digest": past.digest, "reason": error.detail}
        log.error("past_version_unusable", extra={"fields": fields})
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
        with application.database.read() as connection:
            row = service.version(connection, model, number)
        known = Known(row["digest"], row["family"], row["retired_at"] is not None)
    if known.retired:
        raise VersionRetired(f"Version {number} of model {model} is retired.")
    return known
