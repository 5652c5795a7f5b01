"""When a failed delivery is tried again: the schedule that Standard Webhooks recommends, then every ten hours."""

import random
from typing import Final

# In seconds, after the first attempt, the second, and so on; the last goes on.
WAITS: Final = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0)
# What comes on top, at most: the deliveries of one failure do not come back as one.
_JITTER: Final = 0.1


def wait_after(attempts: int, patience: float) -> float | None:
    """Seconds until the next attempt after so many; None when the schedule is at its end, `patience` seconds long."""
    passed = sum(_wait(number) for number in range(1, attempts))
    if passed >= patience:
        return None
    return _wait(attempts) * (1.0 + random.random() * _JITTER)


def _wait(attempt: int) -> float:
    return WAITS[min(attempt, len(WAITS)) - 1]
