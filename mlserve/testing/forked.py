"""What becomes of a process that is given something hostile: it is tried in a fork of this one."""

import os
import resource
import signal
import warnings
from collections.abc import Callable
from typing import Final

_MOST_BYTES: Final = 3 << 30
_MOST_SECONDS: Final = 5  # of a processor
_PATIENCE: Final = 20  # seconds, for a wait without end, which costs no processor time

ANSWERED, REFUSED = "answered", "refused"


def outcome_of(answers: Callable[[], bool]) -> str:
    """`answered` or `refused`, as `answers` says in a process of its own; `ended with STATUS` where that has ended.

    The process may take 5 seconds of processor and 3 GiB. Whatever `answers` raises ends it with 3.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks of a process with threads.
        child = os.fork()
    if child == 0:
        code = 3
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
            resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS + 1))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.alarm(_PATIENCE)
            code = 0 if answers() else 1
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {0: ANSWERED, 1: REFUSED}.get(status, f"ended with {status}")
