"""A worker that keeps to one processor.

Its threads hand every request to each other a few times. On one processor that is a change of thread; between two it
wakes the other one up, which on a virtual machine costs more than all that mlserve does for a request.
"""

import os
from contextlib import suppress
from pathlib import Path


def keep_to_one(number: int) -> None:
    """Let all threads of this process, and those that they start, run on one of the processors that it may use.

    On the `number`th, counted from 1 and around.
    """
    allowed = sorted(os.sched_getaffinity(0))
    chosen = {allowed[(number - 1) % len(allowed)]}
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # It has ended meanwhile.
            os.sched_setaffinity(int(task.name), chosen)
