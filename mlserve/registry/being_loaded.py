"""A version on its way: loaded in a thread of its own, so that whoever wants it waits no longer than they like."""

import threading
from collections.abc import Callable
from contextvars import copy_context

from mlserve.inference import LoadedVersion


class BeingLoaded:
    """Begins at once. What loading raises, whatever it is, is kept as `error`."""

    def __init__(self, load: Callable[[], LoadedVersion], name: str) -> None:
        self._load = load
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._abandoned = False
        self._loaded: LoadedVersion | None = None
        self.error: BaseException | None = None
        # What it logs is told with the id of the request that wants it.
        run = copy_context().run
        threading.Thread(target=run, args=(self._run,), name=f"load-{name}", daemon=True).start()

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether it is done within that time."""
        return self._done.wait(seconds)

    def result(self) -> LoadedVersion:
        """What was loaded, once it is done. Raises what loading did, or RuntimeError for what would end a process."""
        if isinstance(self.error, Exception):
            raise self.error
        if self._loaded is None:
            raise RuntimeError(f"loading it raised {type(self.error).__name__}") from self.error
        return self._loaded

    def abandon(self) -> None:
        """Nobody wants it any more: it is closed, as soon as it is loaded."""
        with self._lock:
            self._abandoned = True
            done = self.done
        if done and self._loaded is not None:
            self._loaded.close()

    def _run(self) -> None:
        try:
            self._loaded = self._load()
        except BaseException as error:  # A family that calls sys.exit() ends its own thread only.
            self.error = error
        with self._lock:
            self._done.set()
            abandoned = self._abandoned
        if abandoned and self._loaded is not None:
            self._loaded.close()
