"""What the kernel is told of a process (prctl(2))."""

import ctypes
import os
import signal
from contextlib import suppress

_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG
_SET_NAME = 15  # PR_SET_NAME
_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def name_process(name: str) -> None:
    """What `ps -o comm`, top and pgrep call it: 15 bytes at most. A forked process has its parent's command line.

    Where the system does not let it, it goes on without a name.
    """
    with suppress(OSError):
        _prctl(_SET_NAME, ctypes.c_char_p(name.encode()))


def end_with(parent: int) -> None:
    """From now on the kernel kills this process when its parent ends, which is this one. Forks are not bound by it."""
    with suppress(OSError):
        _prctl(_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)  # It has ended before.


def adopt_orphans() -> None:
    """From now on whose parent ends, below this process, becomes its child. Raises OSError."""
    _prctl(_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))


def _prctl(option: int, value: ctypes.c_char_p | ctypes.c_ulong) -> None:
    zero = ctypes.c_ulong(0)
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, zero, zero, zero):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
