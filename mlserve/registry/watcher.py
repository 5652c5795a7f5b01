"""The thread that looks whether the registry has changed, in each process, and lets its live models follow."""

import logging
import threading
from collections.abc import Callable

from mlserve.application import Application
from mlserve.errors import DatabaseUnavailable
from mlserve.registry import service
from mlserve.registry.registered import Registered, read_registered
from mlserve.registry.swapping import Swapper

log = logging.getLogger("mlserve.registry")

# How long the end of the process waits for the thread, which may be loading a model.
PATIENCE = 2.0


class Watcher:
    """Looks every `interval` seconds, and at once when it is woken. `registered` is what the registry said last.

    `on_change(registered)` is called after each change, when the live models have followed it; `on_return()` before
    the first look after a start without the database.
    """

    def __init__(
        self,
        application: Application,
        swapper: Swapper,
        interval: float,
        *,
        on_change: Callable[[Registered], None],
        on_return: Callable[[], None],
    ) -> None:
        self._application = application
        self._swapper = swapper
        self._interval = interval
        self._on_change = on_change
        self._on_return = on_return
        self._woken = threading.Event()
        self._stopping = False
        self._expecting = threading.Lock()
        self._looking = threading.Condition()
        self._begun = self._followed = 0  # looks, by their number: the latest, and the latest that has followed
        self._coming: frozenset[tuple[str, str]] = frozenset()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self.registered = Registered()

    def begin(self, registered: Registered) -> None:
        """Bring the live models to what the start has read, in the thread of the start."""
        self.registered = registered
        self._swapper.settle(registered)

    def start(self) -> None:
        self._thread.start()

    @property
    def coming(self) -> frozenset[tuple[str, str]]:
        """Models with aliases that this process has moved, and not followed yet."""
        return self._coming

    def wake(self) -> None:
        """Look now: this process has changed something."""
        self._woken.set()

    def expect(self, model: str, alias: str) -> None:
        """Look now: this process has moved an alias, which is no unknown one until the live models know it."""
        with self._expecting:
            self._coming |= {(model, alias)}
        self.wake()

    def follow(self, patience: float) -> bool:
        """Look now, and whether what the registry says at this moment is followed within `patience` seconds."""
        with self._looking:
            wanted = self._begun + 1  # One that runs already may have asked before.
            self.wake()
            return self._looking.wait_for(lambda: self._followed >= wanted, patience)

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._stopping:
            self._woken.wait(self._interval)
            self._woken.clear()
            if self._stopping:
                return
            try:
                self.look()
            except Exception:
                # The models that are live stay so, and the next look may go well.
                log.exception("registry_failed")

    def look(self) -> None:
        """One look: follow what has changed, try again what had failed, close what has drained."""
        with self._looking:
            self._begun += 1
            number = self._begun
        coming = self._coming
        read = self._read()
        registered = read or self.registered
        changed = registered is not self.registered
        if changed or self._swapper.pending:
            self.registered = registered
            self._swapper.settle(registered)
        if read is not None:
            # Moved before this look, and so followed: by this one, or by one that was quicker than `expect`.
            with self._expecting:
                self._coming -= coming
            with self._looking:
                self._followed = number
                self._looking.notify_all()
        if changed:
            self._on_change(registered)
        self._swapper.tend()

    def _read(self) -> Registered | None:
        """What the registry says, the very same where nothing has changed; None while the database cannot be asked."""
        try:
            if self._application.stale_since is not None:
                self._on_return()
            with self._application.database.read() as connection:
                if service.revision(connection) == self.registered.revision:
                    return self.registered
                return read_registered(connection)
        except DatabaseUnavailable:
            return None  # The database's own check and log tell of it.
