"""Whose turn it is to compute.

Threads of one interpreter that compute side by side only take it from each other, and so a server may let one after
the other; who is about to wait for a disk or a database lets the next one begin meanwhile.
"""

import threading
from collections.abc import Callable

_thread = threading.local()


def take(release: Callable[[], None]) -> None:
    """The calling thread has its turn from now on; `release` is called when it gives it up."""
    _thread.release = release


def leave() -> None:
    """The calling thread gives up its turn, if it has one. It may still encode and answer."""
    release = getattr(_thread, "release", None)
    if release is not None:
        _thread.release = None
        release()
